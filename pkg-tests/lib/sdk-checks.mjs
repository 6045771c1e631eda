/**
 * The SDKs of providers with the packed tarball: the examples of the documents, and `consumers/sdks`, are correctly typed and run
 * against the mock provider through real sockets. Addresses of providers lead to it, nothing else is replaced.
 */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tryRun } from '../../scripts/lib/run.mjs';
import { here, installSdks, sdkProject } from './install.mjs';
import { nodeBinary, tscScript } from './tools.mjs';

/** The newest versions of two of the SDKs want more than Node 20. */
const NODE = 24;
const DOCUMENT = 'docs/adapters.md';
const CONSUMERS = ['main.mjs', 'ai-sdk.mjs'];

export function sdkChecks() {
  installSdks();
  const source = (name) => join(here, 'consumers/sdks', name);
  const text = readFileSync(join(here, '..', DOCUMENT), 'utf8');
  const examples = [...text.matchAll(/^<!-- prints: (.*) -->\n```js\n([^]*?)^```$/gm)].map(([, prints, code], at) => {
    const file = `example-${at}.mjs`;
    writeFileSync(join(sdkProject, file), code);
    return {
      name: `${DOCUMENT}: ${/ from "([^"]+)"/.exec(code)[1]}, ${/ (governed\w+) }/.exec(code)[1]}`,
      file,
      prints,
    };
  });
  if (examples.length < 6) throw new Error(`${DOCUMENT} has ${examples.length} examples of SDKs`);
  const own = CONSUMERS.map((file) => ({ name: `consumers/sdks/${file}`, file, prints: 'ok' }));
  for (const file of [...CONSUMERS, 'mock.mjs']) copyFileSync(source(file), join(sdkProject, file));
  const files = [...examples, ...own].map(({ file }) => file);
  return [
    { name: 'SDKs, types', run: () => compile(files) },
    ...[...examples, ...own].map(({ name, file, prints }) => ({ name, run: () => runs(file, prints) })),
  ];
}

function compile(files) {
  const compilerOptions = {
    ...{ target: 'es2022', lib: ['es2023', 'dom', 'dom.iterable'], types: ['node'] },
    ...{ module: 'nodenext', moduleResolution: 'nodenext', strict: true },
    ...{ allowJs: true, checkJs: true, noEmit: true, skipLibCheck: true },
  };
  writeFileSync(join(sdkProject, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
  const { status, output } = tryRun(process.execPath, [tscScript('typescript7'), '-p', '.'], {
    quiet: true,
    cwd: sdkProject,
  });
  if (status !== 0) throw new Error(output);
}

function runs(file, prints) {
  const { status, output } = tryRun(nodeBinary(NODE), ['mock.mjs', file], {
    quiet: true,
    cwd: sdkProject,
  });
  if (status !== 0 || output.trim() !== prints) throw new Error(`expected "${prints}", got:\n${output}`);
}
