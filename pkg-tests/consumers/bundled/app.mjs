// Everything that a user can import into one bundle: it must still hold the core once.
import * as throttleai from 'throttleai';
import { throttleMiddleware } from 'throttleai/adapters/express';
import { wrapFetch } from 'throttleai/adapters/fetch';
import { throttle } from 'throttleai/adapters/hono';
import { wrapChatCompletions } from 'throttleai/adapters/openai';
import { wrapTool } from 'throttleai/adapters/tools';
import { run } from './run.mjs';

export const line = () => run(throttleai, { throttleMiddleware, wrapFetch, throttle, wrapChatCompletions, wrapTool });
