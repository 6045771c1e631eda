/** The licences of what is compiled into the wasm: the crates that cargo resolves for it, and Rust's standard library. */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { at } from '../lib/paths.mjs';
import { StepError, run } from '../lib/run.mjs';

const STD = {
  title: 'The Rust Standard Library, with compiler-builtins (MIT OR Apache-2.0)',
  text: readFileSync(at('scripts/build/rust-std-license.txt'), 'utf8'),
};

export function writeNotices(output) {
  const parts = [STD, ...shippedCrates().map(notice)];
  const text = parts.map(({ title, text }) => `${'='.repeat(80)}\n${title}\n${'='.repeat(80)}\n\n${text.trim()}\n`);
  mkdirSync(dirname(output), { recursive: true });
  writeFileSync(output, `The WebAssembly module of this package contains the following software.\n\n${text.join('\n')}`);
}

/** Everything reached by ordinary dependencies; what only runs while compiling is not shipped. */
function shippedCrates() {
  const args = ['metadata', '--locked', '--format-version', '1', '--features', 'wasm'];
  const text = run('cargo', [...args, '--filter-platform', 'wasm32-unknown-unknown'], { quiet: true });
  const { packages, resolve } = JSON.parse(text);
  const byId = new Map(packages.map((one) => [one.id, one]));
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const found = new Set();
  const visit = (id) => {
    if (found.has(id) || runsAtCompileTime(byId.get(id))) return;
    found.add(id);
    for (const dependency of nodes.get(id).deps) {
      if (dependency.dep_kinds.some(({ kind }) => kind === null)) visit(dependency.pkg);
    }
  };
  visit(resolve.root);
  found.delete(resolve.root);
  return [...found].map((id) => byId.get(id)).sort((a, b) => a.name.localeCompare(b.name));
}

function runsAtCompileTime(crate) {
  return crate.targets.some(({ kind }) => kind.includes('proc-macro'));
}

function notice(crate) {
  const folder = dirname(crate.manifest_path);
  const files = readdirSync(folder).filter((name) => /^(licen[cs]e|copying|notice)/i.test(name));
  // Where a crate offers a choice, the MIT text is the one that says whom to name.
  const chosen = files.find((name) => /mit/i.test(name)) ?? files[0];
  if (chosen === undefined) throw new StepError(`notices: no licence text in ${crate.name} ${crate.version}`);
  const title = `${crate.name} ${crate.version} (${crate.license})`;
  return { title, text: readFileSync(join(folder, chosen), 'utf8') };
}
