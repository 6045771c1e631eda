const throttleai = require('throttleai');
const providers = require('throttleai/providers');

import('../scenario.mjs').then(async ({ providersScenario, scenario }) => {
  providersScenario(providers);
  console.log(await scenario(throttleai));
});
