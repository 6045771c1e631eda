/**
 * Style that a program can check. Each rule is one check and names file and line of what breaks it. To add a rule, add
 * a line to the table at the end.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rustArrows, typescriptArrows } from './tidy/arrows.mjs';
import { callsOnlyIn, fileSizes, forbiddenText, functionSizes } from './tidy/text.mjs';
import { consistentVersions, documentsPresent, everyEntryExported } from './tidy/project.mjs';
import { root } from './lib/paths.mjs';

const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' });
const files = listed
  .split('\n')
  .filter((path) => /\.(rs|ts|mjs|json|toml|md|sh)$|^\.ci\//.test(path) && !/(^|\/)package-lock\.json$/.test(path))
  .map((path) => ({ path, text: read(path) }))
  .filter(({ text }) => text !== undefined);

function read(path) {
  try {
    return readFileSync(`${root}/${path}`, 'utf8');
  } catch {
    return undefined; // deleted, but not yet committed as such
  }
}

const under = (...folders) => files.filter(({ path }) => folders.some((folder) => path.startsWith(folder)));
const tests = /(^|\/)(tests?|pkg-tests|benches)\//;
const code = under('src/', 'js/', 'demo/', 'bench/', 'simulator/', 'scripts/', 'examples/').filter(
  ({ path }) => !tests.test(path),
);
const shell = under('js/core/', 'js/adapters/', 'js/estimate/', 'js/providers/', 'js/entrypoints/');

const rules = {
  'arrows between Rust modules': () => rustArrows(under('src/')),
  'arrows between TypeScript folders': () => typescriptArrows(under('js/').filter(({ path }) => !tests.test(path))),
  'files of at most 600 lines': () => fileSizes(code, 600),
  'functions of at most 70 lines': () => functionSizes(under('src/'), 70),
  'one place arms timers': () =>
    callsOnlyIn(shell, /(^|[^.\w])set(Timeout|Interval|Immediate)\s*\(|globalThis\.set/, [
      'js/core/timers.ts',
      'js/core/types/clock.ts',
    ]),
  'one place reads the clock': () =>
    callsOnlyIn(shell, /\bDate\.now\b|\bperformance\.now\b|\bnew Date\b/, ['js/core/clock.ts']),
  'one place draws randomness': () =>
    callsOnlyIn(shell, /\bMath\.random\b|\bcrypto\b|\brandomUUID\b/, ['js/core/seed.ts']),
  'no Node modules in what runs everywhere': () => callsOnlyIn(shell, /from 'node:|require\(/, []),
  'no output but the caller’s': () => callsOnlyIn(shell, /\bconsole\./, []),
  'no unfinished code': () =>
    forbiddenText(
      under('src/', 'js/', 'tests/', 'pkg-tests/', 'bench/', 'simulator/', 'demo/'),
      /\b(todo|unimplemented|dbg)!|\bFIXME\b|\bTODO\b/,
    ),
  'no test left alone or out': () => forbiddenText(files, /\b(it|test|describe)\.(only|skip|todo)\(|^\s*#\[ignore\b/),
  'no path of one machine': () => forbiddenText(files, /(^|[\s"'`(=])\/(home|root|Users|work|mnt)\/|\.\.\/shared\b/),
  'versions that must agree': () => consistentVersions(),
  'every entry is exported, with types': () => everyEntryExported(),
  'documents are there': () => documentsPresent(),
};

let failed = 0;
for (const [name, rule] of Object.entries(rules)) {
  const broken = rule();
  if (broken.length > 0) failed += 1;
  console.log(
    `${broken.length === 0 ? 'ok    ' : 'BROKEN'} ${name}${broken.map((line) => `\n         ${line}`).join('')}`,
  );
}
if (failed > 0) process.exitCode = 1;
console.log(`${Object.keys(rules).length - failed} passed, ${failed} failed`);
