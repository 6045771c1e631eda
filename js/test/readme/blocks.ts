/** The code blocks of the documents. A block `ts` is a program of its own; what it uses without importing is `prelude.ts`'s. */
import { readFileSync } from 'node:fs';

export interface Block {
  /** File and line, for names of tests. */
  readonly where: string;
  readonly language: string;
  readonly code: string;
  /** What it must print: from comments `<!-- prints: TEXT -->` above it. */
  readonly prints: readonly string[];
}

const FENCE = /^ *```(\w*)$/;
const PRINTS = /^<!-- prints: (.*) -->$/;

/** @param document path from the root of the repository */
export function blocksOf(document: string, root: URL): Block[] {
  const blocks: Block[] = [];
  let prints: string[] = [];
  let open: { language: string; line: number; code: string[] } | undefined;
  for (const [index, line] of readFileSync(new URL(document, root), 'utf8').split('\n').entries()) {
    const fence = FENCE.exec(line);
    if (open !== undefined && fence === null) open.code.push(line);
    else if (open !== undefined) {
      blocks.push({ where: `${document}:${open.line}`, language: open.language, code: open.code.join('\n'), prints });
      open = undefined;
      prints = [];
    } else if (fence !== null) open = { language: fence[1] ?? '', line: index + 2, code: [] };
    else if (PRINTS.test(line)) prints.push(PRINTS.exec(line)?.[1] ?? '');
  }
  if (open !== undefined) throw new Error(`${document}:${open.line}: the block does not end`);
  return blocks;
}

/** A block as a module, with an import for each name of the prelude that it uses and does not declare. */
export function moduleOf({ code }: Block, prelude: string, preludeNames: readonly string[]): string {
  const words = code.replace(/\/\/.*$/gm, '');
  const used = preludeNames.filter((name) => new RegExp(`(?<![.\\w])${name}\\b`).test(words));
  return `${used.length > 0 ? `import { ${used.join(', ')} } from '${prelude}'; ` : ''}${code}\nexport {};\n`;
}
