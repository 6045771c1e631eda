// The least that a content security policy must allow. It also forbids import maps, which are inline.
import * as throttleai from '/node_modules/throttleai/dist/index.js';
import { scenario } from '/scenario.mjs';

scenario(throttleai).then(
  (line) => (document.title = line),
  (error) => (document.title = String(error)),
);
