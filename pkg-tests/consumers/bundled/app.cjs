// The same as app.mjs, for tools that take CommonJS.
const throttleai = require('throttleai');
const { throttleMiddleware } = require('throttleai/adapters/express');
const { wrapFetch } = require('throttleai/adapters/fetch');
const { throttle } = require('throttleai/adapters/hono');
const { wrapChatCompletions } = require('throttleai/adapters/openai');
const { wrapTool } = require('throttleai/adapters/tools');
const { run } = require('./run.mjs');

exports.line = () => run(throttleai, { throttleMiddleware, wrapFetch, throttle, wrapChatCompletions, wrapTool });
