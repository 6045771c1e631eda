const throttleai = require('throttleai');

import('../scenario.mjs').then(async ({ scenario }) => console.log(await scenario(throttleai)));
