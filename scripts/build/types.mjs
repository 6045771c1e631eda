/**
 * Declarations: tsc writes one tree, this makes it two, for `import` (.d.ts) and `require` (.d.cts), with only the files
 * that an entry point reaches.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { at } from '../lib/paths.mjs';
import { StepError, run } from '../lib/run.mjs';

const SPECIFIER = /((?:\bfrom|\bimport)\s*\(?\s*)(['"])(\.{1,2}\/[^'"]+)\.ts\2/g;

/**
 * @param {Record<string, string>} entries output name -> source file under js/
 * @param {string} folder where `js/a/b.ts` becomes `a/b.d.ts` and `a/b.d.cts`
 */
export function emitTypes(entries, folder) {
  const emitted = mkdtempSync(join(tmpdir(), 'throttleai-types-'));
  try {
    run(process.execPath, [at('node_modules/typescript/bin/tsc'), '-p', at('tsconfig.build.json'), '--outDir', emitted]);
    for (const file of reachable(Object.values(entries), emitted)) {
      const text = readFileSync(join(emitted, `${file}.d.ts`), 'utf8');
      for (const [extension, imported] of [['.d.ts', '.js'], ['.d.cts', '.cjs']]) {
        const target = join(folder, file + extension);
        mkdirSync(dirname(target), { recursive: true });
        writeFileSync(target, text.replace(SPECIFIER, `$1$2$3${imported}$2`));
      }
    }
  } finally {
    rmSync(emitted, { recursive: true, force: true });
  }
}

/** Paths without extension, relative to js/, of everything that the entries' declarations import. */
function reachable(sources, emitted) {
  const found = new Set();
  const visit = (file) => {
    if (found.has(file)) return;
    found.add(file);
    const text = readFileSync(join(emitted, `${file}.d.ts`), 'utf8');
    if (text.includes('build/generated')) throw new StepError(`types: ${file}.d.ts names a generated module`);
    for (const [, , , path] of text.matchAll(SPECIFIER)) {
      visit(resolve('/', dirname(file), path).slice(1));
    }
  };
  for (const source of sources) visit(source.replace(/^js\//, '').replace(/\.ts$/, ''));
  return found;
}
