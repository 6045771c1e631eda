/** TypeScript to JavaScript, ESM and CommonJS, with rolldown. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { rolldown } from 'rolldown';
import { at } from '../lib/paths.mjs';
import { StepError } from '../lib/run.mjs';
import { filesUnder } from '../lib/stamp.mjs';
import { entries } from './entries.mjs';
import { inlineTables } from './constants.mjs';
import { inLines } from './lines.mjs';

/** What the supported runtimes all know: Node 18 is the oldest. */
const TARGET = 'es2022';

/**
 * The main entry in two files, since each file costs time when it is first imported: the entry with core and wasm, and
 * what adapters need of the core, so that an adapter does not load the rest.
 */
const chunkGroups = [{ name: 'shared', test: /\/js\/core\//, minShareCount: 2 }];

/**
 * Everything, for `import` and `require`. The edge entries have a wasm of their own, so they are bundled in a second pass with
 * the same adapters; what both passes make must be the same, or there would be two versions of it.
 */
export async function bundleAll(folder) {
  const edge = pick((name) => name.endsWith('.edge'));
  const main = pick((name) => !(name in edge));
  const others = pick((name) => !(name in edge) && !(`${name}.edge` in edge));
  await bundle(main, { folder, format: 'esm', extension: 'js' });
  await bundle(main, { folder, format: 'cjs', extension: 'cjs' });

  const second = mkdtempSync(join(tmpdir(), 'throttleai-edge-'));
  try {
    await bundle({ ...edge, ...others }, { folder: second, format: 'esm', extension: 'js' });
    for (const file of filesUnder(second)) {
      const target = join(folder, relative(second, file));
      if (file.endsWith('.edge.js')) copyFileSync(file, target);
      else if (!readFileSync(file).equals(readFileSync(target))) throw new StepError(`js: two versions of ${target}`);
    }
  } finally {
    rmSync(second, { recursive: true, force: true });
  }
}

const pick = (wanted) => Object.fromEntries(Object.entries(entries).filter(([name]) => wanted(name)));

/**
 * @param {Record<string, string>} entries output name -> source file
 * @param {{ folder: string, format: 'esm' | 'cjs', extension: string }} about
 */
async function bundle(entries, { folder, format, extension }) {
  const build = await rolldown({
    cwd: at('.'),
    input: entries,
    external: [/^node:/, /\.wasm\?module$/],
    makeAbsoluteExternalsRelative: false,
    platform: 'neutral',
    transform: { target: TARGET },
    treeshake: { moduleSideEffects: false },
    plugins: [inlineTables(), { name: 'lines', generateBundle: (_, files) => Object.values(files).forEach(endLines) }],
    logLevel: 'warn',
    onLog(level, log, handle) {
      // A warning here is a broken package later: an unresolved import would be left for the user to find.
      if (level === 'warn') throw new Error(log.message);
      handle(level, log);
    },
  });
  await build.write({
    dir: folder,
    format,
    exports: 'named',
    // Sizes are part of the promise; names of classes are kept, because people meet them in their debugger.
    minify: {
      compress: { target: TARGET, keepNames: { class: true, function: false } },
      mangle: { keepNames: { class: true, function: false } },
      codegen: { removeWhitespace: true },
    },
    entryFileNames: `[name].${extension}`,
    chunkFileNames: `chunks/[name].${extension}`,
    codeSplitting: { groups: chunkGroups },
    comments: { jsdoc: false, legal: true, annotation: false },
  });
  await build.close();
}

function endLines(chunk) {
  chunk.code = inLines(inAscii(chunk.code));
}

/**
 * One character above U+00FF would make engines hold, and read, the whole file with two bytes a character. In literals only: nothing
 * here reads how they are written.
 */
const inAscii = (code) => {
  if (code.includes('String.raw')) throw new StepError('String.raw would show the escapes that characters become');
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
};
