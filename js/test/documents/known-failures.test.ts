/** What docs/runtimes.md says does not work, does not work, and in the way it says. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createContext, runInContext, type Context } from 'node:vm';
import { root } from './files.ts';

test('node --jitless: importing works, the first governor fails', () => {
  const code = `
    const { createGovernor } = require('throttleai');
    console.log('imported');
    createGovernor();`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--jitless', '-e', code], {
    cwd: fileURLToPath(root),
    encoding: 'utf8',
  });
  assert.equal(stdout.trim(), 'imported');
  assert.notEqual(status, 0);
  assert.match(stderr, /TypeError: .*Module/);
});

test('where compiling WebAssembly is not allowed, importing works and the first governor fails', () => {
  // What a content security policy without 'wasm-unsafe-eval' does in a browser.
  const context = createContext({ navigator: {} }, { codeGeneration: { strings: true, wasm: false } });
  const { createGovernor } = requireIn(context, './dist/index.cjs') as { createGovernor: () => unknown };
  assert.throws(createGovernor, /WebAssembly\.Module\(\): .*disallowed/);
});

/** CommonJS, as far as the built files use it, in another context. */
function requireIn(context: Context, name: string, from: URL = root): unknown {
  const file = new URL(name, from);
  const exports = {};
  const wrapped = runInContext(`(function (require, exports) {${readFileSync(file, 'utf8')}\n})`, context) as (
    require: (name: string) => unknown,
    exports: object,
  ) => void;
  wrapped((dependency) => requireIn(context, dependency, file), exports);
  return exports;
}
