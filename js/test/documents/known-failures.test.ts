/** What docs/runtimes.md says does not work, does not work, and in the way it says. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
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
  assert.match(stderr, /GovernorError: throttleai needs WebAssembly.*--jitless/);
});
