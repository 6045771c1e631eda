// Import maps do not reach workers: the file itself.
import * as throttleai from '/node_modules/throttleai/dist/index.js';
import { scenario } from '/scenario.mjs';

scenario(throttleai).then(postMessage, (error) => postMessage(String(error)));
