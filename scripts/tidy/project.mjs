/** Rules about the project as a whole. */
import { existsSync, readFileSync } from 'node:fs';
import { entries, esmOnly } from '../build/entries.mjs';
import { at } from '../lib/paths.mjs';

const text = (path) => (existsSync(at(path)) ? readFileSync(at(path), 'utf8') : '');
const packageJson = () => JSON.parse(text('package.json'));

export function documentsPresent() {
  const missing = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE'].filter(
    (name) => text(name).trim() === '',
  );
  const broken = missing.map((name) => `${name} is missing or empty`);
  if (!/^## \[?Unreleased\]?/m.test(text('CHANGELOG.md'))) broken.push('CHANGELOG.md has no section "Unreleased"');
  return broken;
}

export function consistentVersions() {
  const version = (manifest) => /^version = "(.*)"$/m.exec(text(manifest))?.[1];
  const bindgen = (manifest, name) => new RegExp(`^${name} = .*"=([\\d.]+)"`, 'm').exec(text(manifest))?.[1];
  const broken = [];
  if (version('Cargo.toml') !== packageJson().version)
    broken.push('Cargo.toml and package.json name different versions');
  const pinned = bindgen('Cargo.toml', 'wasm-bindgen');
  if (pinned === undefined || pinned !== bindgen('scripts/glue/Cargo.toml', 'wasm-bindgen-cli-support')) {
    broken.push('wasm-bindgen in Cargo.toml and its tool in scripts/glue/Cargo.toml must be pinned to one version');
  }
  return broken;
}

/** `exports` and the build's list of entries say the same. */
export function everyEntryExported() {
  const exported = JSON.stringify(packageJson().exports);
  return Object.entries(entries).flatMap(([name, source]) => {
    const types = `./dist/types/${source.replace(/^js\//, '').replace(/\.ts$/, '')}.d`;
    const wanted = [`./dist/${name}.js`, `${types}.ts`];
    if (!esmOnly.includes(name)) wanted.push(`./dist/${name}.cjs`, `${types}.cts`);
    return wanted.filter((path) => !exported.includes(`"${path}"`)).map((path) => `package.json exports no ${path}`);
  });
}
