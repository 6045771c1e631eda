// No WebAssembly at all: importing works, and the first governor says what is missing.
import { createGovernor } from 'throttleai';

try {
  createGovernor();
} catch (error) {
  console.log(`${error.code}: ${error.message}`);
}
