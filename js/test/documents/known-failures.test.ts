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
    createGovernor();`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--jitless', '-e', code], {
    cwd: fileURLToPath(root),
    encoding: 'utf8',
  });
  assert.equal(stdout.trim(), 'imported');
  assert.notEqual(status, 0);
  assert.match(stderr, /GovernorError: throttleai needs WebAssembly.*--jitless/);
});

/** What the compiler says. */
function compiled(text: string, strict: boolean): string {
  const folder = new URL('build/known-failures/', root);
  const source = new URL('program.ts', folder);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(source, text);
  const tsc = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root));
  const options = ['--ignoreConfig', '--noEmit', '--module', 'nodenext', '--target', 'es2023', '--types', 'node'];
  const args = [tsc, ...options, '--strictNullChecks', String(strict), fileURLToPath(source)];
  return spawnSync(process.execPath, args, { cwd: fileURLToPath(root), encoding: 'utf8' }).stdout;
}

test('what is wrong with a limit the compiler says by its field, wherever limits are', () => {
  const wrong = [
    [`metric: 'requests', limit: 5`, /Property 'window' is missing in type .* but required in type 'Limit'/],
    [`metric: 'requests', limit: 5, window: '1 minute'`, /Type '"1 minute"' is not assignable to type .*Duration/],
    [`metric: 'requests', limit: 5, window: '1m', per: 'user'`, /Type '"user"' is not assignable to type .*Scope/],
    [
      `metric: 'requests', limit: 5, windw: '1m'`,
      /'windw' does not exist in type 'HiddenLimit \| Limit'. Did you mean .*'window'/,
    ],
  ] as const;
  const programs = wrong.flatMap(([limit]) => [
    `createGovernor({ limits: [{ ${limit} }] });`,
    `createGovernor({ models: { m: { limits: [{ ${limit} }] } } });`,
    `createGovernor().wrap(() => 1, { key: 'k', limits: [{ ${limit} }] });`,
  ]);
  const right =
    'createGovernor({ limits: { requests: ["5/s"] } as Record<string, string[]>, models: { m: { limits: { tokens: "5/m" } } } });';
  const said = compiled(["import { createGovernor } from 'throttleai';", ...programs, right].join('\n'), true);
  const errors = said.split(/^(?=build)/m);
  assert.equal(errors.length, programs.length, said);
  errors.forEach((error, at) => assert.match(error, wrong[Math.floor(at / 3)]![1]));
});

test('without strictNullChecks only a comparison narrows to a denial', () => {
  const compile = (condition: string, strict: boolean): string =>
    compiled(
      `import type { GovernorDenied, WithLeaseResult } from 'throttleai';
      declare const result: WithLeaseResult<string, GovernorDenied>;
      if (${condition}) console.log(result.decision.retryAt);`,
      strict,
    );
  assert.match(compile('!result.granted', false), /TS2339: Property 'decision' does not exist/);
  assert.equal(compile('result.granted === false', false), '');
  assert.equal(compile('!result.granted', true), '');
});
