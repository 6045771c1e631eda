/**
 * Type consumers: the same program compiled with the oldest and newest TypeScript we promise, for both ways of resolving
 * modules, as an ES module and as CommonJS, checking our declarations too.
 */
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tryRun } from '../../scripts/lib/run.mjs';
import { app } from './install.mjs';
import { tscScript } from './tools.mjs';

const folder = join(app, 'types');
const COMPILERS = { 'TypeScript 5.9': 'typescript59', 'TypeScript 7': 'typescript7' };
const bare = { lib: ['es2022'], types: [] };
const web = { lib: ['es2022', 'dom', 'dom.iterable'], types: ['node'], typeRoots: ['../../../node_modules/@types'] };
const nodenext = { module: 'nodenext', moduleResolution: 'nodenext' };
const bundler = { module: 'esnext', moduleResolution: 'bundler' };

/** What is compiled how. Other packages' declarations are not ours to check, so `web` skips library checks. */
const projects = {
  'nodenext, ES module': { file: 'main.mts', ...nodenext, ...bare },
  'nodenext, CommonJS': { file: 'main.cts', ...nodenext, ...bare },
  bundler: { file: 'main.ts', ...bundler, ...bare },
  'bundler, condition workerd': { file: 'main.ts', ...bundler, ...bare, customConditions: ['workerd'] },
  exactOptionalPropertyTypes: { file: 'main.ts', ...bundler, ...bare, exactOptionalPropertyTypes: true },
  'frameworks, nodenext': { file: 'frameworks.mts', ...nodenext, ...web, skipLibCheck: true },
  'frameworks, bundler': { file: 'frameworks.ts', ...bundler, ...web, skipLibCheck: true },
};

export function typeChecks() {
  for (const extension of ['mts', 'cts']) copyFileSync(join(folder, 'main.ts'), join(folder, `main.${extension}`));
  copyFileSync(join(folder, 'frameworks.ts'), join(folder, 'frameworks.mts'));
  return Object.entries(COMPILERS).flatMap(([compiler, alias]) =>
    Object.entries(projects).map(([name, project]) => ({
      name: `${compiler}, ${name}`,
      run: () => compile(tscScript(alias), project),
    })),
  );
}

function compile(tsc, { file, ...options }) {
  const config = join(folder, 'tsconfig.json');
  const compilerOptions = { target: 'es2022', strict: true, skipLibCheck: false, noEmit: true, ...options };
  writeFileSync(config, JSON.stringify({ compilerOptions, files: [file] }));
  const { status, output } = tryRun(process.execPath, [tsc, '-p', config], { quiet: true, cwd: folder });
  if (status !== 0) throw new Error(output);
}
