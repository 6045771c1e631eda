/** Every program in the documents and every `@example` of the package is correctly typed and runs against the built package. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createMockProvider, type MockProvider } from 'throttleai/testing';
import { blocksOf, examplesOf } from './blocks.ts';
import { documents, entries, published, root, sources } from './files.ts';
import { writePrograms, type Surroundings } from './programs.ts';

const generated = new URL('build/documents/', root);
const own = { express: 'express.ts', fastify: 'fastify.ts', hono: 'hono.ts', node: 'node.ts', web: 'web.ts' };

const ofDocuments: Surroundings = { prelude: 'documents.ts', entries: [] };
const ofSource = (path: string): Surroundings => ({
  prelude: Object.entries(own).find(([name]) => path === `js/adapters/${name}.ts`)?.[1] ?? 'docstrings.ts',
  entries,
});

const programs = await writePrograms(generated, [
  ...documents.flatMap((path) =>
    blocksOf(path, root)
      .filter(({ language }) => language === 'ts')
      .map((block) => ({ block, around: ofDocuments })),
  ),
  ...sources.flatMap((path) => examplesOf(path, root, published).map((block) => ({ block, around: ofSource(path) }))),
]);

describe('programs of the documents', () => {
  let provider: MockProvider;
  const platformFetch = globalThis.fetch;

  before(async () => {
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

  test('there are programs', () => {
    assert(programs.filter(({ block }) => block.where.startsWith('README.md')).length >= 10);
    assert(programs.filter(({ block }) => block.where.startsWith('js/')).length >= 25);
  });

  test('every program is correctly typed', () => {
    const tsc = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root));
    const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', fileURLToPath(generated)], {
      encoding: 'utf8',
    });
    const where = stdout.replace(/\S*block-(\d+)\.ts/g, (_, index) => programs[Number(index)]?.block.where ?? '');
    assert.equal(status, 0, where + stderr);
  });

  for (const { block, file } of programs) {
    test(`${block.where} runs`, { timeout: 30_000 }, async (t) => {
      const printed: string[] = [];
      t.mock.method(console, 'log', (...values: unknown[]) => printed.push(values.map(String).join(' ')));
      try {
        await import(file.href);
      } finally {
        t.mock.restoreAll();
      }
      for (const text of block.prints)
        assert(printed.join('\n').includes(text), `expected "${text}", got:\n${printed.join('\n')}`);
    });
  }
});
