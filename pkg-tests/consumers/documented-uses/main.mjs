/**
 * What the ThrottleAI documents show, done with the installed tarball: a topic a file, a line a use. Each topic takes the
 * modules as an argument, so that `main.cjs` runs the same with `require`.
 *
 * Shown elsewhere, also through the tarball, and not repeated here:
 *
 * | use                                                       | shown by                                              |
 * |-----------------------------------------------------------|-------------------------------------------------------|
 * | quick start: `withLease` under `presets.balanced()`       | pkg-tests/scenario.mjs, in every runtime              |
 * | burst: refused with a recommendation, then snapshots      | examples/node-script                                  |
 * | strategy `wait`, background before a reserve              | examples/background-embeddings, examples/test-clock   |
 * | tools with weights, a tool that throws                    | examples/agent-tools                                  |
 * | chat completions of the real SDK, streamed                | examples/streaming-chat                               |
 * | `throttleMiddleware` under the real Express               | examples/express                                      |
 * | `throttle` on Workers, Bun and Deno, over sockets         | examples/hono-worker, consumers/hono                  |
 * | every exported type                                       | consumers/types                                       |
 */
import * as throttleai from 'throttleai';
import * as express from 'throttleai/adapters/express';
import * as fetch from 'throttleai/adapters/fetch';
import * as hono from 'throttleai/adapters/hono';
import * as openai from 'throttleai/adapters/openai';
import * as tools from 'throttleai/adapters/tools';
import { show } from './show.mjs';

await show({ throttleai, express, fetch, hono, openai, tools });
