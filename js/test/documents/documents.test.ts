/** What the documents say besides programs: commands and files exist, links lead somewhere, claims name what shows them. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { blocksOf, type Block } from './blocks.ts';
import { documents, root } from './files.ts';

const read = (path: string | URL): string => readFileSync(new URL(path, root), 'utf8');
const { scripts, repository } = JSON.parse(read('package.json')) as {
  scripts: Record<string, string>;
  repository: { url: string };
};

describe('blocks other than programs', () => {
  for (const block of documents.flatMap((path) => blocksOf(path, root))) {
    if (block.language === 'ts') continue;
    test(`${block.where}: ${block.language}`, () => {
      const check = checks[block.language];
      assert(check, `no check for blocks in "${block.language}"`);
      check(block);
    });
  }
});

describe('links', () => {
  for (const path of documents) {
    test(path, () => {
      for (const [, target = ''] of withoutBlocks(read(path)).matchAll(/\]\(([^)]+)\)/g)) checkLink(path, target);
    });
  }
});

describe('claims', () => {
  // A claim is followed by a comment that names a check: <!-- shown: FILE "TITLE" -->, the title as it stands in the file.
  for (const path of documents) {
    for (const [, file = '', title = ''] of withoutBlocks(read(path)).matchAll(/<!-- shown: (\S+) "(.*?)" -->/g)) {
      test(`${path}: ${file} "${title}"`, () => {
        assert(existsSync(new URL(file, root)), `${file} is not there`);
        assert(read(file).includes(title), `${file} has no "${title}"`);
      });
    }
  }

  for (const [path, heading] of [
    ['README.md', '## Guarantees'],
    ['docs/runtimes.md', '## Where it runs'],
    ['docs/runtimes.md', '## Known failures'],
  ] as const) {
    test(`${path}, ${heading}: each row names a check`, () => {
      const rows =
        sectionOf(read(path), heading)
          .match(/^\|.*$/gm)
          ?.slice(2) ?? [];
      assert(rows.length > 2);
      for (const row of rows) assert.match(row, /<!-- shown: /, row);
    });
  }
});

/** What the examples of SDKs are run with. */
const sdks = Object.keys(
  (JSON.parse(read('pkg-tests/sdks/package.json')) as { devDependencies: Record<string, string> }).devDependencies,
);

const checks: Record<string, (block: Block) => void> = {
  // For an SDK: `npm test -- sdks` type-checks and runs them all.
  js: ({ code, where }) => {
    assert.equal(where.split(':')[0], 'docs/adapters.md');
    const imported = [...code.matchAll(/ from "([^"]+)";$/gm)].map(([, name = '']) => name);
    assert(
      imported.some((name) => sdks.includes(name)),
      `${where}: no SDK of pkg-tests/sdks`,
    );
  },
  json: ({ code }) => assert(JSON.parse(code)),
  // The line that adds the crate: its version.
  toml: ({ code }) => {
    const [, asked = ''] = /^throttleai = "(.*)"$/m.exec(code) ?? [];
    assert(asked !== '' && read('Cargo.toml').includes(`\nversion = "${asked}.`), code);
  },
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

/** Commands are not run here, most of them are whole test suites; what they name must exist. */
function checkCommand(command: string, where: string): void {
  const [program = '', ...args] = command.split(/\s+/).filter((word) => !/^[A-Z_]+=/.test(word));
  if (program === '' || program.startsWith('#')) return;
  const [verb = '', ...rest] = args;
  const file = args.find((arg) => /\.(mjs|ts)$/.test(arg));
  if (program === 'npm' && verb === 'run') assert(scripts[rest[0] ?? ''], `${where}: no script ${rest[0]}`);
  else if (program === 'npm' && verb === 'test') {
    for (const name of rest.filter((arg) => !arg.startsWith('-')))
      assert(read('scripts/test/table.mjs').includes(`name: '${name}'`), `${where}: no step ${name}`);
  } else if (program === 'npm') assert(['ci', 'install'].includes(verb), `${where}: ${command}`);
  else if (program === 'node') assert(file && existsSync(new URL(file, root)), `${where}: ${file} is not there`);
  else assert(['cargo', 'git', 'cd'].includes(program), `${where}: nobody checks what ${program} does`);
}

/** Where the files of this repository are read. */
const ONLINE = `${repository.url.replace(/^git\+|\.git$/g, '')}/blob/main/`;

/** What is published with the package, where links between files must lead to published ones. */
const PUBLISHED = ['README.md', 'CHANGELOG.md', 'LICENSE'];

function checkLink(path: string, target: string): void {
  if (target.startsWith(ONLINE)) return checkFile(path, target, new URL(target.slice(ONLINE.length), root));
  if (target.includes(':')) {
    // What is elsewhere is not asked for: tests need no network. It must at least be an address.
    assert.match(target, /^https:\/\/[\w.-]+\.[a-z]+(\/\S*)?$/, `${path} links to ${target}`);
    return;
  }
  const [relative = ''] = target.split('#');
  if (PUBLISHED.includes(path) && relative !== '')
    assert(
      PUBLISHED.includes(relative),
      `${path} links to ${target}, which is not published: say ${ONLINE}${relative}`,
    );
  checkFile(path, target, new URL(target, new URL(path, root)));
}

/** @param found where `target` leads, with its anchor */
function checkFile(path: string, target: string, found: URL): void {
  const file = new URL(found);
  file.hash = '';
  assert(existsSync(file), `${path} links to ${target}, which is not there`);
  if (found.hash !== '')
    assert(anchorsOf(read(file)).includes(found.hash.slice(1)), `${path} links to ${target}: no such heading`);
}

function withoutBlocks(text: string): string {
  return text.replace(/^ *```[\s\S]*?^ *```$/gm, '').replace(/`[^`\n]*`/g, '');
}

/** As GitHub makes them. */
function anchorsOf(text: string): string[] {
  const headings = [...withoutBlocks(text).matchAll(/^#+ (.*)$/gm)].map(([, title = '']) => title.toLowerCase());
  return headings.map((title) => title.replace(/[^\w\- ]/g, '').replaceAll(' ', '-'));
}

function sectionOf(text: string, heading: string): string {
  const start = text.indexOf(`${heading}\n`);
  assert(start !== -1, `no ${heading}`);
  const end = text.indexOf('\n## ', start + 1);
  return text.slice(start, end === -1 ? undefined : end);
}
