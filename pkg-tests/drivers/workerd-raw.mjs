/**
 * `workerd-raw.mjs BINARY DATE MAIN [bundle [CLIENT]]`: runs a Worker in workerd itself, without any tool around it, and
 * prints the body of one request, or what the module CLIENT sees when it visits the Worker. The script is run as it is,
 * with the wasm files of its folder as modules; or bundled before.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { filesUnder } from '../../scripts/lib/stamp.mjs';
import { bundleWorker } from './lib/worker.mjs';

const [binary, compatibilityDate, main, bundle, client] = process.argv.slice(2);
const KINDS = { ESModule: 'esModule', CompiledWasm: 'wasm' };
const CONTROL_FD = 3;

const folder = mkdtempSync(join(tmpdir(), 'throttleai-workerd-'));
const { modules } = bundle === undefined ? { modules: modulesOf(main) } : await bundleWorker(main);
const config = join(folder, 'config.capnp');
writeFileSync(config, configOf(modules));

// `--control-fd`: workerd says there which port it has taken.
const stdio = ['ignore', 'inherit', 'inherit', 'pipe'];
const workerd = spawn(binary, ['serve', `--control-fd=${CONTROL_FD}`, config], { stdio });
const ended = new Promise((resolve) => workerd.once('close', resolve));
process.once('SIGTERM', () => process.exit(1)).once('exit', () => workerd.kill());
try {
  const origin = `http://127.0.0.1:${await portOf(workerd.stdio[CONTROL_FD])}`;
  if (client === undefined) console.log(await (await fetch(`${origin}/`)).text());
  else console.log(await (await import(pathToFileURL(client))).visit(origin));
} finally {
  workerd.kill();
  await ended;
  rmSync(folder, { recursive: true, force: true });
}

function modulesOf(script) {
  const files = filesUnder(dirname(script)).filter((file) => file.endsWith('.wasm'));
  return [
    { type: 'ESModule', path: 'main.mjs', contents: readFileSync(script) },
    ...files.map((file) => ({
      type: 'CompiledWasm',
      path: relative(dirname(script), file),
      contents: readFileSync(file),
    })),
  ];
}

/** A Cap'n Proto text: one Worker on a port that the system chooses. The first module is the main one. */
function configOf(modules) {
  const embedded = modules.map(({ type, path, contents }, index) => {
    writeFileSync(join(folder, String(index)), contents);
    return `(name = ${JSON.stringify(path)}, ${KINDS[type]} = embed "${index}")`;
  });
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker), (name = "internet", network = (allow = ["private"]))],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [${embedded.join(', ')}],
  compatibilityDate = ${JSON.stringify(compatibilityDate)},
);
`;
}

function portOf(control) {
  return new Promise((resolve, reject) => {
    let output = '';
    control.on('data', (chunk) => {
      output += chunk;
      for (const line of output.split('\n').slice(0, -1)) {
        const { event, port } = JSON.parse(line);
        if (event === 'listen') resolve(port);
      }
    });
    control.once('end', () => reject(new Error(`workerd ended before it listened: ${output}`)));
  });
}
