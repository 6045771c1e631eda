/** What the examples of the adapter for `node:http` take as given. */
import { createServer } from 'node:http';
import { createGovernor, presets } from 'throttleai';
import { clientAddress, rateLimitHeaders } from 'throttleai/adapters/node';

export { clientAddress, createServer, rateLimitHeaders };
export const governor = createGovernor(presets.balanced());
