/** What the examples of the Fastify adapter take as given. */
import fastify from 'fastify';
import { createGovernor, presets } from 'throttleai';
import { rateLimitHeaders } from 'throttleai/adapters/fastify';

export { rateLimitHeaders };
export const app = fastify();
export const governor = createGovernor(presets.balanced());
