/**
 * Coverage-guided fuzzing of the core on a stable compiler, without cargo-fuzz.
 *
 *   node scripts/fuzz.mjs [--seconds 60] [--seed N] [TARGET...]     all targets share the time
 *   node scripts/fuzz.mjs --replay FILE                             runs one kept input again
 *
 * The seed is printed first. An input that fails is kept under target/fuzz/failures/TARGET/ and can be replayed; what the
 * fuzzer learnt stays in target/fuzz/corpus/TARGET/ for the next run. The last line is `N passed, N failed`, by target.
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { at } from './lib/paths.mjs';
import { StepError, run, tryRun } from './lib/run.mjs';

/** What the nightly-only `cargo fuzz` passes too; these are options of LLVM, which any compiler takes. */
const INSTRUMENTATION = [
  '--cfg=fuzzing',
  '-Cpasses=sancov-module',
  '-Cllvm-args=-sanitizer-coverage-level=4',
  '-Cllvm-args=-sanitizer-coverage-inline-8bit-counters',
  '-Cllvm-args=-sanitizer-coverage-pc-table',
  '-Cllvm-args=-sanitizer-coverage-trace-compares',
  '-Cllvm-args=-simplifycfg-branch-fold-threshold=0',
  '-Ccodegen-units=1',
];
const TARGETS = readdirSync(at('fuzz/fuzz_targets')).map((file) => basename(file, '.rs'));
/** A run that got through fewer inputs has not fuzzed. */
const EXECUTIONS_MIN = 1000;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' }, replay: { type: 'string' } },
});

try {
  if (options.replay === undefined) fuzz(positionals.length > 0 ? positionals : TARGETS);
  else replay(resolve(options.replay));
} catch (error) {
  if (!(error instanceof StepError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

function fuzz(targets) {
  const seed = options.seed ?? String(1 + Math.floor(Math.random() * (2 ** 31 - 1)));
  const seconds = Math.max(1, Math.floor(Number(options.seconds) / targets.length));
  if (!Number.isFinite(seconds)) throw new StepError('--seconds must be a number');
  const unknown = targets.filter((name) => !TARGETS.includes(name));
  if (unknown.length > 0) throw new StepError(`No target ${unknown.join(', ')}. There are: ${TARGETS.join(', ')}`);
  console.log(`fuzz: seed ${seed}, ${seconds} s for each of ${targets.join(', ')}`);
  const binaries = build();
  const failed = targets.filter((name) => !fuzzTarget(name, binaries, seed, seconds));
  console.log(`${targets.length - failed.length} passed, ${failed.length} failed`);
  if (failed.length > 0) process.exitCode = 1;
}

function fuzzTarget(name, binaries, seed, seconds) {
  const learnt = at('target/fuzz/corpus', name);
  const failures = at('target/fuzz/failures', name);
  const shipped = at('fuzz/corpus', name);
  for (const folder of [learnt, failures]) mkdirSync(folder, { recursive: true });
  const args = [
    `-seed=${seed}`,
    `-max_total_time=${seconds}`,
    `-artifact_prefix=${failures}/`,
    '-max_len=4096',
    '-timeout=10',
    '-print_final_stats=1',
    learnt,
    ...(existsSync(shipped) ? [shipped] : []),
  ];
  const result = tryRun(`${binaries}/${name}`, args, { quiet: true, env: { RUST_BACKTRACE: '0' } });
  const { output } = result;
  const executions = Number(/number_of_executed_units:\s+(\d+)/.exec(output)?.[1] ?? 0);
  const kept = /Test unit written to (\S+)/.exec(output)?.[1];
  console.log(`fuzz: ${name}: ${executions.toLocaleString('en')} executions`);
  if (result.status === 0 && executions >= EXECUTIONS_MIN) return true;
  console.log(
    /^thread .* panicked at [^]*?(?=^==|^note:)/m.exec(output)?.[0] ?? output.split('\n').slice(-30).join('\n'),
  );
  if (kept !== undefined) console.log(`fuzz: ${name} failed. Again: node scripts/fuzz.mjs --replay ${kept}`);
  else console.log(`fuzz: ${name} ended with ${result.status ?? result.signal} after ${executions} executions`);
  return false;
}

function replay(file) {
  const name = basename(dirname(file));
  if (!TARGETS.includes(name))
    throw new StepError(`${file} is not in a folder named after a target: ${TARGETS.join(', ')}`);
  const { status } = tryRun(`${build()}/${name}`, [file], { env: { RUST_BACKTRACE: '1' } });
  if (status !== 0) process.exitCode = 1;
}

/** @returns {string} the folder of the binaries */
function build() {
  needCompiler();
  // Naming the target keeps the flags away from build scripts and procedural macros.
  const host = /^host: (.*)$/m.exec(run('rustc', ['-vV'], { quiet: true }))?.[1] ?? '';
  const folder = at('target/fuzz/build');
  const args = [
    'build',
    '--release',
    '--locked',
    '--manifest-path',
    'fuzz/Cargo.toml',
    '--target',
    host,
    '--target-dir',
    folder,
  ];
  run('cargo', args, { env: { CARGO_ENCODED_RUSTFLAGS: INSTRUMENTATION.join('\x1f') } });
  return `${folder}/${host}/release`;
}

/** libFuzzer is C++, compiled from the sources that its crate carries. */
function needCompiler() {
  const found = () =>
    [process.env.CXX, 'c++', 'g++', 'clang++'].some(
      (name) => name && tryRun(name, ['--version'], { quiet: true }).status === 0,
    );
  if (found()) return;
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    console.log('fuzz: installing g++');
    const env = { DEBIAN_FRONTEND: 'noninteractive' };
    tryRun('apt-get', ['update', '-qq'], { env });
    tryRun('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'g++'], { env });
  }
  if (!found())
    throw new StepError(
      'Fuzzing needs a C++ compiler: sudo apt-get install g++ (Debian), xcode-select --install (macOS)',
    );
}
