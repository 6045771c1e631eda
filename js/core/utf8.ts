/** How much room strings take in UTF-8, which is what ids are measured in. */

/** How many UTF-16 units from the start of `text` take at most `bytesMax` bytes; a pair of surrogates counts as a whole. */
export function unitsThatFit(text: string, bytesMax: number): number {
  let bytes = 0;
  let at = 0;
  while (at < text.length) {
    const unit = text.charCodeAt(at);
    let units = 1;
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00) {
      bytes += 4;
      units = 2;
    } else bytes += 3;
    if (bytes > bytesMax) break;
    at += units;
  }
  return at;
}
