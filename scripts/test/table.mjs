/**
 * The test steps, fastest first. To add one, add a line: a name, what it is about, and its parts. `parts` is a function
 * because a part may look at what an earlier step has built.
 */
import { cargoTest, command, counted, nodeTests } from './parts.mjs';

const node = process.execPath;
const build = command('build', node, 'scripts/build.mjs');
/** The core with faults on demand, which the shell's tests import. */
const buildLab = command('build for tests', node, 'scripts/build.mjs', 'lab');
const tool = (name, path, ...args) => command(name, node, `node_modules/${path}`, ...args);
const clippy = (about, ...args) => command(about, 'cargo', 'clippy', '--quiet', ...args, '--', '-D', 'warnings');
/** Optimised, but without the link-time optimisation that only what is published needs: links in a third of the time. */
const optimisedEnv = { CARGO_PROFILE_RELEASE_LTO: 'off', CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16' };
const optimised = (about, ...args) => ({ ...cargoTest(about, '--release', ...args), env: optimisedEnv });

export const steps = [
  {
    name: 'tidy',
    about: 'arrows between modules, file sizes, banned words',
    parts: () => [counted('tidy', node, 'scripts/tidy.mjs')],
  },
  {
    name: 'format',
    about: 'rustfmt, prettier (mend with npm run format)',
    parts: () => [
      command('rustfmt', 'cargo', 'fmt', '--check'),
      command('rustfmt of the glue tool', 'cargo', 'fmt', '--check', '--manifest-path', 'scripts/glue/Cargo.toml'),
      command('rustfmt of the fuzz targets', 'cargo', 'fmt', '--check', '--manifest-path', 'fuzz/Cargo.toml'),
      tool('prettier', 'prettier/bin/prettier.cjs', '--check', '--log-level', 'warn', '.'),
    ],
  },
  {
    name: 'lint',
    about: 'clippy for host, no_std and wasm; oxlint; tsc',
    parts: () => [
      tool('oxlint', 'oxlint/bin/oxlint', '--deny-warnings'),
      clippy('clippy, host', '--all-targets'),
      // As cargo builds it for those who depend on it.
      command('no_std', 'cargo', 'build', '--quiet', '--lib', '--no-default-features'),
      // The bindings also compile for the host, so that linting them needs no wasm target.
      clippy('clippy, bindings', '--lib', '--features', 'lab'),
      clippy('clippy, bindings of the providers', '--lib', '--features', 'providers'),
      build,
      buildLab,
      // With their types, against which the benchmark is checked.
      command('libraries of the benchmark', node, '--import', 'tsx', 'bench/libraries/install.ts'),
      tool('tsc', 'typescript/bin/tsc', '-p', 'tsconfig.json'),
      tool('tsc, shell without Node or DOM types', 'typescript/bin/tsc', '-p', 'tsconfig.core.json'),
      tool(
        'tsc, types of Express 4 and Fastify 4',
        'typescript/bin/tsc',
        '-p',
        'js/test/adapters/tsconfig.previous.json',
      ),
    ],
  },
  {
    name: 'unit',
    about: 'the core: unit tests, doctests, saved formats, documentation',
    parts: () => [
      cargoTest('unit', '--lib'),
      cargoTest('doctests', '--doc'),
      cargoTest('saved formats', '--test', 'formats'),
      { ...command('rustdoc', 'cargo', 'doc', '--quiet', '--no-deps', '--lib'), env: { RUSTDOCFLAGS: '-D warnings' } },
    ],
  },
  {
    name: 'js',
    about: 'shell, adapters, mock provider, demo, build; with injected clocks; that every case of the benchmark runs',
    parts: () => [build, buildLab, nodeTests('js', 'js', 'demo', 'scripts', 'bench')],
  },
  {
    name: 'sim',
    about: 'the scenarios of the simulator, briefly: what is known of other schedulers, the targets of the governor',
    parts: () => [build, buildLab, nodeTests('sim', 'simulator')],
  },
  {
    name: 'package',
    about: 'what is in the tarball, publint, attw, size and start-up budgets',
    parts: () => [counted('package', node, 'pkg-tests/run.mjs', 'package')],
  },
  {
    name: 'types',
    about: 'type consumers of the tarball',
    parts: () => [counted('types', node, 'pkg-tests/run.mjs', 'types')],
  },
  {
    name: 'examples',
    about: 'examples/ against the tarball: types, output',
    parts: () => [counted('examples', node, 'scripts/examples/run.mjs')],
  },
  {
    name: 'docs',
    about: 'the API reference of package and crate, without warnings and dead links',
    parts: () => [counted('docs', node, 'scripts/docs/run.mjs')],
  },
  {
    name: 'vectors',
    about: 'recorded decisions, natively',
    parts: () => [optimised('vectors', '--test', 'vectors')],
  },
  {
    name: 'properties',
    about: 'the core against a naive model; what waiters leave behind',
    parts: () => [optimised('properties', '--test', 'properties'), optimised('memory', '--test', 'memory')],
  },
  {
    name: 'load',
    about: '100,000 requests with random disconnects through the servers’ adapters: leases, rejections, heap',
    parts: () => [build, counted('load', node, '--import', 'tsx', 'js/test/load/main.ts')],
  },
  {
    name: 'fuzz',
    about: 'one minute of fuzzing, on the stable compiler',
    parts: () => [counted('fuzz', node, 'scripts/fuzz.mjs', '--seconds', '60')],
  },
  {
    name: 'sdks',
    about: 'the tarball with the SDKs of providers: the examples of the documents, types and results',
    parts: () => [counted('sdks', node, 'pkg-tests/run.mjs', 'sdks')],
  },
  {
    name: 'runtimes',
    about: 'the tarball in Node 18 to 26, Bun, Deno, workerd, Chromium',
    parts: () => [counted('runtimes', node, 'pkg-tests/run.mjs', 'runtimes')],
  },
  {
    name: 'bundlers',
    about: 'the tarball in bundlers, frameworks and test runners; what an adapter costs',
    parts: () => [counted('bundlers', node, 'pkg-tests/run.mjs', 'bundlers')],
  },
  {
    name: 'simulation',
    about: 'seeded random runs with faults, natively; a million of their commands again in wasm',
    parts: () => [
      {
        ...optimised('simulation', '--test', 'simulation', '--', '--nocapture'),
        env: { ...optimisedEnv, SIMULATION_TRACES: 'target/traces' },
      },
      buildLab,
      counted('replay in wasm', node, 'scripts/replay.mjs', 'target/traces'),
    ],
  },
];
