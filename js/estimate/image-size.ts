/**
 * Width and height of an image in base64, from its header: PNG, JPEG, GIF, WebP. Decodes only the bytes that it looks at.
 * Whatever else it is, or is damaged: undefined.
 */

/** In pixels, from 1. */
export interface ImageSize {
  width: number;
  height: number;
}

/** Segments of a JPEG before the one with its size; cameras write some ten. */
const SEGMENTS_MAX = 200;

/** @param base64 standard or URL-safe alphabet, without white space */
export function imageSizeOf(base64: string): ImageSize | undefined {
  const bytes = new Base64Bytes(base64);
  const size = pngSize(bytes) ?? gifSize(bytes) ?? webpSize(bytes) ?? jpegSize(bytes);
  return size !== undefined && size.width > 0 && size.height > 0 ? size : undefined;
}

/** Bytes behind a base64 text; NaN beyond its end and where it is none. */
class Base64Bytes {
  readonly #base64: string;

  constructor(base64: string) {
    this.#base64 = base64;
  }

  at(index: number): number {
    const first = Math.floor(index / 3) * 4 + (index % 3);
    const shift = 2 * (index % 3);
    const [high, low] = [this.#sextet(first), this.#sextet(first + 1)];
    return Number.isNaN(high + low) ? NaN : ((high << (2 + shift)) | (low >> (4 - shift))) & 0xff;
  }

  /** Unsigned, first byte highest. */
  big(index: number, count: number): number {
    let value = 0;
    for (let i = 0; i < count; i += 1) value = value * 256 + this.at(index + i);
    return value;
  }

  /** Unsigned, last byte highest. */
  little(index: number, count: number): number {
    let value = 0;
    for (let i = count - 1; i >= 0; i -= 1) value = value * 256 + this.at(index + i);
    return value;
  }

  /** Whether ASCII `text` stands at `index`. */
  has(index: number, text: string): boolean {
    for (let i = 0; i < text.length; i += 1) if (this.at(index + i) !== text.charCodeAt(i)) return false;
    return true;
  }

  #sextet(index: number): number {
    const code = this.#base64.charCodeAt(index);
    if (code >= 0x41 && code <= 0x5a) return code - 0x41;
    if (code >= 0x61 && code <= 0x7a) return code - 0x61 + 26;
    if (code >= 0x30 && code <= 0x39) return code - 0x30 + 52;
    if (code === 0x2b || code === 0x2d) return 62;
    return code === 0x2f || code === 0x5f ? 63 : NaN;
  }
}

function pngSize(bytes: Base64Bytes): ImageSize | undefined {
  if (bytes.at(0) !== 0x89 || !bytes.has(1, 'PNG\r\n\x1a\n') || !bytes.has(12, 'IHDR')) return undefined;
  return { width: bytes.big(16, 4), height: bytes.big(20, 4) };
}

function gifSize(bytes: Base64Bytes): ImageSize | undefined {
  if (!bytes.has(0, 'GIF87a') && !bytes.has(0, 'GIF89a')) return undefined;
  return { width: bytes.little(6, 2), height: bytes.little(8, 2) };
}

function webpSize(bytes: Base64Bytes): ImageSize | undefined {
  if (!bytes.has(0, 'RIFF') || !bytes.has(8, 'WEBP')) return undefined;
  if (bytes.has(12, 'VP8X')) return { width: bytes.little(24, 3) + 1, height: bytes.little(27, 3) + 1 };
  // 14 bits each; the two above them say how the image is shown.
  if (bytes.has(12, 'VP8 ')) return { width: bytes.little(26, 2) & 0x3fff, height: bytes.little(28, 2) & 0x3fff };
  if (!bytes.has(12, 'VP8L')) return undefined;
  const bits = bytes.little(21, 4);
  return { width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1 };
}

function jpegSize(bytes: Base64Bytes): ImageSize | undefined {
  if (bytes.big(0, 2) !== 0xffd8) return undefined;
  let at = 2;
  for (let segment = 0; segment < SEGMENTS_MAX && bytes.at(at) === 0xff; segment += 1) {
    const marker = bytes.at(at + 1);
    // Frame headers are C0 to CF, but C4, C8 and CC are tables.
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      return { width: bytes.big(at + 7, 2), height: bytes.big(at + 5, 2) };
    }
    // FF is padding before a marker; any other segment says its length.
    at += marker === 0xff ? 1 : 2 + bytes.big(at + 2, 2);
  }
  return undefined;
}
