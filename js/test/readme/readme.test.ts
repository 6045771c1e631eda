/** Runs what the documents show: TypeScript is checked and executed against the built package, commands must exist. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createMockProvider, type MockProvider } from 'throttleai/testing';
import { blocksOf, moduleOf, type Block } from './blocks.ts';
import * as prelude from './prelude.ts';

const root = new URL('../../../', import.meta.url);
const generated = new URL('build/readme/', root);
const documents = ['README.md', 'CONTRIBUTING.md', ...(existsSync(new URL('docs', root)) ? markdownIn('docs') : [])];
const blocks = documents.flatMap((document) => blocksOf(document, root));
const programs = blocks.filter(({ language }) => language === 'ts');

describe('TypeScript', () => {
  let provider: MockProvider;
  const platformFetch = globalThis.fetch;

  before(async () => {
    writePrograms();
    provider = await createMockProvider();
    process.env['OPENAI_API_KEY'] = 'key';
    process.env['OPENAI_BASE_URL'] = provider.baseURL;
    // The documents' own address is answered here, the provider's is real.
    globalThis.fetch = async (input, init) =>
      String(input).startsWith('https://api.example.com/') ? new Response('{}') : platformFetch(input, init);
  });

  after(async () => {
    globalThis.fetch = platformFetch;
    await provider.close();
  });

  test('there are programs', () => assert(programs.length >= 10));

  test('every program is correctly typed', () => {
    const tsc = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root));
    const result = spawnSync(process.execPath, [tsc, '-p', fileURLToPath(generated)], { encoding: 'utf8' });
    assert.equal(result.status, 0, result.stdout + result.stderr);
  });

  for (const [index, block] of programs.entries()) {
    test(`${block.where} runs`, async (t) => {
      const printed: string[] = [];
      t.mock.method(console, 'log', (...values: unknown[]) => printed.push(values.map(String).join(' ')));
      try {
        await import(fileOf(index).href);
      } finally {
        t.mock.restoreAll();
      }
      for (const text of block.prints)
        assert(printed.join('\n').includes(text), `expected "${text}", got:\n${printed.join('\n')}`);
    });
  }
});

describe('other blocks', () => {
  for (const block of blocks.filter(({ language }) => language !== 'ts')) {
    test(`${block.where}: ${block.language}`, () => {
      const check = checks[block.language];
      assert(check, `no check for blocks in "${block.language}"`);
      check(block);
    });
  }
});

describe('links', () => {
  for (const document of documents) {
    test(document, () => {
      const text = readFileSync(new URL(document, root), 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\((?!https?:)([^)]+)\)/g)) {
        const [path = '', anchor] = target.split('#');
        const file = new URL(path === '' ? document : path, new URL(document, root));
        assert(existsSync(file), `${document} links to ${target}, which is not there`);
        if (anchor !== undefined)
          assert(anchorsOf(file).includes(anchor), `${document} links to ${target}: no such heading`);
      }
    });
  }
});

const checks: Record<string, (block: Block) => void> = {
  json: ({ code }) => assert(JSON.parse(code)),
  // Doctests of the crate, whose documentation includes the README.
  rust: ({ where }) => assert.match(where, /^README\.md/),
  // A tree of the repository: what stands at the start of a line is there.
  text: ({ code, where }) => {
    for (const path of code.match(/^[\w./]+[/.]\w*/gm) ?? [])
      assert(existsSync(new URL(path, root)), `${where}: no ${path}`);
  },
  bash: ({ code, where }) => {
    for (const command of code.split('\n').flatMap((line) => line.replace(/ #.*$/, '').split('&&')))
      checkCommand(command.trim(), where);
  },
};

const scripts = (JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { scripts: Record<string, string> })
  .scripts;

/** Commands are not run here, most of them are whole test suites; what they name must exist. */
function checkCommand(command: string, where: string): void {
  const [program = '', ...args] = command.split(/\s+/).filter((word) => !/^[A-Z_]+=/.test(word));
  const named = args.find((arg) => /\.(mjs|ts)$/.test(arg));
  if (program === '' || program.startsWith('#')) return;
  if (program === 'npm' && args[0] === 'run') assert(scripts[args[1] ?? ''], `${where}: no script ${args[1]}`);
  else if (program === 'npm') assert(['ci', 'test', 'install'].includes(args[0] ?? ''), `${where}: ${command}`);
  else if (program === 'node')
    assert(named !== undefined && existsSync(new URL(named, root)), `${where}: ${named} is not there`);
  else assert(['cargo', 'git', 'cd'].includes(program), `${where}: nobody checks what ${program} does`);
}

function anchorsOf(file: URL): string[] {
  const headings = readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
}

function markdownIn(folder: string): string[] {
  return readdirSync(new URL(folder, root))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${folder}/${name}`);
}

function fileOf(index: number): URL {
  return new URL(`block-${index}.ts`, generated);
}

function writePrograms(): void {
  rmSync(generated, { recursive: true, force: true });
  mkdirSync(generated, { recursive: true });
  const names = Object.keys(prelude);
  for (const [index, block] of programs.entries()) {
    writeFileSync(fileOf(index), moduleOf(block, '../../js/test/readme/prelude.ts', names));
  }
  const options = { noUnusedLocals: false, skipLibCheck: true };
  writeFileSync(
    new URL('tsconfig.json', generated),
    JSON.stringify({ extends: '../../tsconfig.json', compilerOptions: options, include: ['*.ts'] }),
  );
}
