/**
 * The same decisions natively as in wasm: a run is played once more with the build for tests, which writes down every command
 * and a digest of its answers, and a Rust program gives the same commands to the same core compiled for this machine.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createGovernor, type Governor, type GovernorConfig } from 'throttleai';
import { bindGovernor } from '../js/core/api.ts';
import { createLoader } from '../js/core/loader.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FOLDER = join(ROOT, 'target/simulator');
/** As the test steps build it, so that it is built once. */
const QUICK = { CARGO_PROFILE_RELEASE_LTO: 'off', CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16' };

/** What governors are made with: the published build, or the one for tests. */
export type CreateGovernor = (
  config: GovernorConfig,
) => Pick<Governor, 'acquire' | 'acquireAsync' | 'release' | 'close' | 'concurrencyEffectiveMax' | 'snapshot'>;

interface Recording {
  readonly create: CreateGovernor;
  /** Of each governor that was closed. */
  readonly traces: Uint8Array[];
}

interface RecordingCore {
  trace(): Uint8Array;
  free(): void;
}

type MakeGlue = NonNullable<Parameters<typeof createLoader>[1]>;
// The shell's own types know WebAssembly no further than they need it.
const { WebAssembly } = globalThis as unknown as { WebAssembly: { Module: new (bytes: Uint8Array) => object } };

/** Governors on the build for tests. */
async function recordingGovernors(): Promise<Recording> {
  const { createGlue } = (await import('../build/lab/glue.js')) as { createGlue: MakeGlue };
  const module = new WebAssembly.Module(readFileSync(join(ROOT, 'build/lab/throttleai.wasm')));
  const traces: Uint8Array[] = [];
  const makeGlue: MakeGlue = (platform) => {
    const glue = createGlue(platform);
    const Core = new Proxy(glue.Core, {
      construct(target, [config]: [unknown]) {
        const core = new target(config) as unknown as RecordingCore;
        const free = core.free.bind(core);
        core.free = () => {
          traces.push(core.trace());
          free();
        };
        return core;
      },
    });
    return { ...glue, Core };
  };
  return { create: bindGovernor(createLoader(() => module, makeGlue)).createGovernor, traces };
}

/** Compiles the program that replays; returns where it is. */
function compileReplay(): string {
  const args = ['test', '--release', '--test', 'traces', '--no-run', '--message-format=json'];
  const { status, stdout } = spawnSync('cargo', args, {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...QUICK },
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error('cargo could not build the replay of traces');
  const artifacts = stdout.split('\n').filter((line) => line.includes('"executable":"'));
  return (JSON.parse(artifacts.at(-1)!) as { executable: string }).executable;
}

/**
 * Plays a run with governors of both builds and throws unless they come to the same, and to the same natively; returns how many
 * commands it took.
 */
export type PlayNatively = (name: string, play: (create: CreateGovernor) => Promise<unknown>) => Promise<number>;

/** Builds what it takes. Needs Rust. */
export async function prepareNative(): Promise<PlayNatively> {
  const replay = compileReplay();
  return async (name, play) => {
    const { create, traces } = await recordingGovernors();
    assert.deepEqual(
      await play(create),
      await play(createGovernor),
      'the build for tests decides like the published one',
    );
    rmSync(FOLDER, { recursive: true, force: true });
    mkdirSync(FOLDER, { recursive: true });
    traces.forEach((trace, index) => writeFileSync(join(FOLDER, `${name}-${index}.trace`), trace));
    const { status, stdout, stderr } = spawnSync(replay, ['--nocapture'], {
      encoding: 'utf8',
      env: { ...process.env, TRACES: FOLDER },
    });
    if (status !== 0) throw new Error(`${name} is answered differently natively:\n${stderr}`);
    return [...stdout.matchAll(/: (\d+) commands,/g)].reduce((sum, [, commands]) => sum + Number(commands), 0);
  };
}
