/** dist/ is a mirror of what the steps made: nothing else can be in it, and a file that did not change is not touched. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { filesUnder } from '../lib/stamp.mjs';

/** @param {[from: string, to: string][]} parts folders or files, and where they go inside `dist` */
export function mirror(parts, dist) {
  const wanted = new Map();
  for (const [from, to] of parts) {
    for (const file of filesUnder(from)) wanted.set(join(dist, to, relative(from, file)), file);
  }
  for (const file of filesUnder(dist)) if (!wanted.has(file)) rmSync(file);
  for (const [target, source] of wanted) {
    const bytes = readFileSync(source);
    if (existsSync(target) && readFileSync(target).equals(bytes)) continue;
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, bytes);
  }
}
