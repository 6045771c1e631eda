// Everything that a user can import into one bundle: it must still hold the core once.
import * as throttleai from 'throttleai';
import { throttleMiddleware } from 'throttleai/adapters/express';
import { throttlePlugin } from 'throttleai/adapters/fastify';
import { wrapFetch } from 'throttleai/adapters/fetch';
import { throttle } from 'throttleai/adapters/hono';
import { wrapListener } from 'throttleai/adapters/node';
import { wrapChatCompletions } from 'throttleai/adapters/openai';
import { wrapTool } from 'throttleai/adapters/tools';
import { wrapHandler } from 'throttleai/adapters/web';
import { run } from './run.mjs';

const adapters = {
  throttleMiddleware,
  throttlePlugin,
  wrapFetch,
  throttle,
  wrapListener,
  wrapChatCompletions,
  wrapTool,
  wrapHandler,
};

export const line = () => run(throttleai, adapters);
