/** What docs/runtimes.md says does not work, does not work, and in the way it says. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { root } from './files.ts';

test('node --jitless: importing works, the first governor fails', () => {
  const code = `
    const { createGovernor } = require('throttleai');
    console.log('imported');
    // Uncaught, the error comes after a line of the bundle that is longer than a pipe.
    try { createGovernor(); } catch (error) { console.error(String(error)); process.exit(1); }`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--jitless', '-e', code], {
    cwd: fileURLToPath(root),
    encoding: 'utf8',
  });
  assert.equal(stdout.trim(), 'imported');
  assert.notEqual(status, 0);
  assert.match(stderr, /GovernorError: throttleai needs WebAssembly.*--jitless/);
});

test('without strictNullChecks only a comparison narrows to a denial', () => {
  const folder = new URL('build/known-failures/', root);
  const source = new URL('loose.ts', folder);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const compile = (condition: string, strict: boolean): string => {
    const text = `
      import type { GovernorDenied, WithLeaseResult } from 'throttleai';
      declare const result: WithLeaseResult<string, GovernorDenied>;
      if (${condition}) console.log(result.decision.retryAt);`;
    writeFileSync(source, text);
    const tsc = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root));
    const options = ['--ignoreConfig', '--noEmit', '--module', 'nodenext', '--target', 'es2023', '--types', 'node'];
    const args = [tsc, ...options, '--strictNullChecks', String(strict), fileURLToPath(source)];
    return spawnSync(process.execPath, args, { cwd: fileURLToPath(root), encoding: 'utf8' }).stdout;
  };
  assert.match(compile('!result.granted', false), /TS2339: Property 'decision' does not exist/);
  assert.equal(compile('result.granted === false', false), '');
  assert.equal(compile('!result.granted', true), '');
});
