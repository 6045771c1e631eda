/**
 * Rust to wasm. Three ways, tried in this order: the target that rustup has installed; the target that rustup can
 * install; Debian's compiler with its library sources, which builds the standard library itself.
 */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { at } from '../lib/paths.mjs';
import { StepError, run, tryRun } from '../lib/run.mjs';

const TARGET = 'wasm32-unknown-unknown';
const RUSTUP_MS_MAX = 120_000;
/** Messages of panics name files: not where this machine keeps them. Joins the flags of `.cargo/config.toml`. */
const REGISTRY = join(process.env.CARGO_HOME ?? join(homedir(), '.cargo'), 'registry/src');
const PRIVATE = ['--config', `target.${TARGET}.rustflags=["--remap-path-prefix=${REGISTRY}="]`];
const DEBIAN = { rustc: '/usr/bin/rustc', packages: ['rustc-web', 'rust-web-src'] };

/** `THROTTLEAI_WASM_BUILD=fallback` goes straight to Debian's compiler, so that the fallback can be tested anywhere. */
export const forced = process.env.THROTTLEAI_WASM_BUILD === 'fallback';

/**
 * @param {string} feature which feature set of the crate: `wasm` and `providers` (published) or `lab` (tests)
 * @param {string} output where the file goes
 * @param {Record<string, string>} env what is set for cargo
 */
export function buildWasm(feature, output, env = {}) {
  const build = chooseToolchain();
  // As a cdylib alone: made beside an rlib it is 5 % larger, because more of it must stay callable.
  const kind = ['--lib', '--crate-type', 'cdylib', '--features', feature, '--target', TARGET];
  const made = build(['rustc', '--release', '--locked', ...kind], env);
  mkdirSync(dirname(output), { recursive: true });
  copyFileSync(made, output);
}

function chooseToolchain() {
  if (!forced) {
    if (targetInstalled()) return withRustup;
    console.log(`wasm: ${TARGET} is not installed, asking rustup for it`);
    if (tryRun('rustup', ['target', 'add', TARGET], { timeoutMs: RUSTUP_MS_MAX }).status === 0) return withRustup;
  }
  if (debianReady() || installDebian()) return withDebian;
  throw new StepError(
    `No compiler for ${TARGET}. Run one of these, then build again:\n` +
      `  rustup target add ${TARGET}\n` +
      `  sudo apt-get install ${DEBIAN.packages.join(' ')}   (Debian)`,
  );
}

function targetInstalled() {
  const found = tryRun('rustc', ['--print', 'target-libdir', '--target', TARGET], { quiet: true });
  return found.status === 0 && existsSync(found.stdout.trim());
}

function withRustup(args, env) {
  run('cargo', [...PRIVATE, ...args], { env });
  return at('target', TARGET, 'release/throttleai.wasm');
}

function debianReady() {
  const found = tryRun(DEBIAN.rustc, ['--print', 'sysroot'], { quiet: true });
  return found.status === 0 && existsSync(join(found.stdout.trim(), 'lib/rustlib/src/rust/library/Cargo.lock'));
}

function installDebian() {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false;
  console.log(`wasm: installing ${DEBIAN.packages.join(' and ')}`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  tryRun('apt-get', ['update', '-qq'], { env });
  tryRun('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...DEBIAN.packages], { env });
  return debianReady();
}

/** A stable compiler without the target builds the standard library from its sources; only bootstrap mode allows it. */
function withDebian(args, env) {
  const targetDir = at('target/build-std');
  run('cargo', [...PRIVATE, ...args, '-Z', 'build-std=std,panic_abort', '--target-dir', targetDir], {
    env: {
      ...env,
      RUSTC: DEBIAN.rustc,
      RUSTC_BOOTSTRAP: '1',
      CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER: linker(),
    },
  });
  return join(targetDir, TARGET, 'release/throttleai.wasm');
}

/** Debian's compiler comes without the linker for wasm; every rustup toolchain has one, whatever its targets. */
function linker() {
  const candidates = ['rustc', DEBIAN.rustc].map((rustc) => {
    const sysroot = tryRun(rustc, ['--print', 'sysroot'], { quiet: true }).stdout.trim();
    const host = /^host: (.*)$/m.exec(tryRun(rustc, ['-vV'], { quiet: true }).stdout)?.[1] ?? '';
    return join(sysroot, 'lib/rustlib', host, 'bin/rust-lld');
  });
  const onPath = ['rust-lld', 'wasm-ld'].filter((name) => tryRun(name, ['--version'], { quiet: true }).status === 0);
  const found = candidates.find((path) => existsSync(path)) ?? onPath[0];
  if (found === undefined) throw new StepError('No linker for wasm: apt-get install lld, or use a rustup toolchain');
  return found;
}
