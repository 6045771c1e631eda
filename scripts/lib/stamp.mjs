/**
 * Skips a build step whose inputs and outputs are what they were. A stamp holds a hash of both, so neither an edited
 * source nor a touched, missing or left-over output can pass for fresh.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { at, paths, root } from './paths.mjs';

/** Every file under the given files and folders, sorted. */
export function filesUnder(...entries) {
  const found = [];
  const visit = (path) => {
    if (!existsSync(path)) return;
    if (!statSync(path).isDirectory()) return void found.push(path);
    for (const name of readdirSync(path)) if (name !== 'node_modules' && name !== 'target') visit(join(path, name));
  };
  entries.forEach(visit);
  return found.sort();
}

export function hashOf(files, ...extra) {
  const hash = createHash('sha256');
  for (const file of files) {
    hash
      .update(`${relative(root, file)}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  for (const text of extra) hash.update(`${text}\0`);
  return hash.digest('hex');
}

/**
 * @param {string} name
 * @param {{ inputs: string[], outputs: string[], extra?: string[], keep?: boolean }} about paths; `extra` are versions and
 *   settings; `keep`: `make` tidies up its outputs itself
 * @param {() => void | Promise<void>} make called with the outputs removed, unless `keep`
 * @returns {Promise<boolean>} whether anything was made
 */
export async function whenChanged(name, { inputs, outputs, extra = [], keep = false }, make) {
  const stamp = join(paths.stamps, `${name}.json`);
  const scripts = filesUnder(at('scripts/build.mjs'), at('scripts/build'), at('scripts/lib'));
  const input = hashOf([...filesUnder(...inputs), ...scripts], ...extra);
  if (existsSync(stamp)) {
    const known = JSON.parse(readFileSync(stamp, 'utf8'));
    if (known.input === input && known.output === hashOf(filesUnder(...outputs))) return false;
  }
  rmSync(stamp, { force: true });
  if (!keep) for (const output of outputs) rmSync(output, { recursive: true, force: true });
  await make();
  mkdirSync(paths.stamps, { recursive: true });
  writeFileSync(stamp, JSON.stringify({ input, output: hashOf(filesUnder(...outputs)) }));
  return true;
}
