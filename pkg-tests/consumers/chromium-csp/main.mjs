// A policy that forbids wasm: importing works, and the first governor says what is in the way.
import { createGovernor } from '/node_modules/throttleai/dist/index.js';

try {
  createGovernor();
  document.title = 'made a governor';
} catch (error) {
  const names = ["'wasm-unsafe-eval'", 'Content Security Policy'].filter((cause) => error.message.includes(cause));
  document.title = `${error.code}: names ${names.join(' and ')}`;
}
