// A policy that forbids wasm: importing works, and the first governor says what is in the way. The words are the browser's.
import { createGovernor } from '/node_modules/throttleai/dist/index.js';

try {
  createGovernor();
  document.title = 'made a governor';
} catch (error) {
  const names = ['WebAssembly', 'Content Security Policy'].filter((cause) => error.message.includes(cause));
  document.title = `the error names ${names.join(' and ')}`;
}
