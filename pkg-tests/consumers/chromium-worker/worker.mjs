// Import maps do not reach workers: the file itself.
import * as throttleai from '/node_modules/throttleai/dist/index.js';
import * as providers from '/node_modules/throttleai/dist/providers/index.js';
import { providersScenario, scenario } from '/scenario.mjs';

const all = async () => {
  providersScenario(providers);
  return await scenario(throttleai);
};
all().then(postMessage, (error) => postMessage(String(error)));
