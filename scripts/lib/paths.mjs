/** Where things are. Everything generated lives under build/, dist/ and target/, none of it is committed. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const at = (...parts) => join(root, ...parts);

export const paths = {
  wasm: at('build/wasm/throttleai.wasm'), // as rustc made it
  bindgen: at('build/bindgen'), // as wasm-bindgen made it
  generated: at('build/generated'), // what js/ imports: glue factory, wasm as text
  optimised: at('build/opt/throttleai.wasm'), // what is published
  providersWasm: at('build/wasm/providers.wasm'),
  providers: at('build/opt/providers.wasm'),
  js: at('build/js'),
  types: at('build/types'),
  notices: at('build/notices'),
  lab: at('build/lab'),
  stamps: at('build/stamps'),
  dist: at('dist'),
};
