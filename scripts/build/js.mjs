/** TypeScript to JavaScript, ESM and CommonJS, with rolldown. */
import { rolldown } from 'rolldown';
import { at } from '../lib/paths.mjs';

/** What the supported runtimes all know: Node 18 is the oldest. */
const TARGET = 'es2022';

/**
 * The main entry in three files, since each file costs time when it is first imported: the entry with its wasm, the core,
 * and what adapters need of the core, so that an adapter does not load the rest.
 */
const chunkGroups = [
  { name: 'shared', test: /\/js\/core\//, minShareCount: 3 },
  { name: 'core', test: /\/(js\/core|build\/generated\/glue)/, minShareCount: 2 },
];

/**
 * @param {Record<string, string>} entries output name -> source file
 * @param {{ folder: string, format: 'esm' | 'cjs', extension: string }} about
 */
export async function bundle(entries, { folder, format, extension }) {
  const build = await rolldown({
    cwd: at('.'),
    input: entries,
    external: [/^node:/, /\.wasm\?module$/],
    makeAbsoluteExternalsRelative: false,
    platform: 'neutral',
    transform: { target: TARGET },
    treeshake: { moduleSideEffects: false },
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
    comments: { jsdoc: false, legal: true, annotation: true },
  });
  await build.close();
}
