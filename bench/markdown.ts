/** Generated parts of documents. */

/** The document with what stands between its markers `<!-- NAME: begin -->` and `<!-- NAME: end -->` made anew. */
export function between(document: string, name: string, text: string): string {
  const [opening, closing] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const [begin, end] = [document.indexOf(opening), document.indexOf(closing)];
  if (begin < 0 || end < begin) throw new Error(`the document has lost its markers ${opening} and ${closing}`);
  return `${document.slice(0, begin)}${opening}\n\n${text}\n\n${document.slice(end)}`;
}

/** Words to the left, numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], words = 1): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = head.map((_, index) => (index < words ? '---' : '--:'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}
