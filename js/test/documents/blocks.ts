/** The code that the documents and the docstrings show. */
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

/** The fenced blocks of a document. @param path from the root of the repository */
export function blocksOf(path: string, root: URL): Block[] {
  const blocks: Block[] = [];
  let prints: string[] = [];
  let open: { language: string; line: number; code: string[] } | undefined;
  for (const [index, line] of readFileSync(new URL(path, root), 'utf8').split('\n').entries()) {
    const fence = FENCE.exec(line);
    if (open !== undefined && fence === null) open.code.push(line);
    else if (open !== undefined) {
      blocks.push({ where: `${path}:${open.line}`, language: open.language, code: open.code.join('\n'), prints });
      open = undefined;
      prints = [];
    } else if (fence !== null) open = { language: fence[1] ?? '', line: index + 2, code: [] };
    else if (PRINTS.test(line)) prints.push(PRINTS.exec(line)?.[1] ?? '');
  }
  if (open !== undefined) throw new Error(`${path}:${open.line}: the block does not end`);
  return blocks;
}

/** The `@example` of each docstring in a source file, but of top-level declarations only where users get their names. */
export function examplesOf(path: string, root: URL, published: ReadonlySet<string>): Block[] {
  const text = readFileSync(new URL(path, root), 'utf8');
  return [...text.matchAll(/^ *\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n(?=(.*))/gm)].flatMap((comment) => {
    const declared = /^export (?:async )?(?:function\*?|const|class|interface|type) (\w+)/.exec(comment[1] ?? '');
    if (declared !== null && !published.has(declared[1] ?? '')) return [];
    const lines = comment[0].split('\n').map((line) => line.replace(/^\s*(?:\*\/|\/\*\*|\* ?)/, ''));
    const start = lines.indexOf('@example') + 1;
    if (start === 0) return [];
    const next = lines.findIndex((line, index) => index >= start && line.startsWith('@'));
    const code = lines.slice(start, next === -1 ? undefined : next).join('\n');
    const line = text.slice(0, comment.index).split('\n').length + start;
    return [{ where: `${path}:${line}`, language: 'ts', code, prints: [] }];
  });
}
