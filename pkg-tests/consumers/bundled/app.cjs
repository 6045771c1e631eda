// The same as app.mjs, for tools that take CommonJS.
const throttleai = require('throttleai');
const { throttleMiddleware } = require('throttleai/adapters/express');
const { throttlePlugin } = require('throttleai/adapters/fastify');
const { wrapFetch } = require('throttleai/adapters/fetch');
const { throttle } = require('throttleai/adapters/hono');
const { wrapListener } = require('throttleai/adapters/node');
const { wrapChatCompletions } = require('throttleai/adapters/openai');
const { wrapTool } = require('throttleai/adapters/tools');
const { wrapHandler } = require('throttleai/adapters/web');
const { run } = require('./run.mjs');

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

exports.line = () => run(throttleai, adapters);
