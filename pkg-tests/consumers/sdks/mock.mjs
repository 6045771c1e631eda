/** `node mock.mjs PROGRAM`: runs it with a mock provider, to which the addresses of providers lead. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createMockProvider } from 'throttleai/testing';

const HOSTS = [
  'api.openai.com',
  'api.anthropic.com',
  'api.groq.com',
  'api.mistral.ai',
  'generativelanguage.googleapis.com',
];

const provider = await createMockProvider();
const platformFetch = globalThis.fetch;
globalThis.fetch = (input, init) => {
  const url = new URL(input instanceof Request ? input.url : input);
  if (!HOSTS.includes(url.host)) return platformFetch(input, init);
  const there = `${provider.origin}${url.pathname}${url.search}`;
  return platformFetch(input instanceof Request ? new Request(there, input) : there, init);
};
process.env.OPENAI_BASE_URL = provider.baseURL;
for (const name of ['OPENAI', 'ANTHROPIC', 'GROQ', 'MISTRAL', 'GEMINI']) process.env[`${name}_API_KEY`] = 'mock';

try {
  await import(pathToFileURL(resolve(process.argv[2])).href);
} finally {
  await provider.close();
}
