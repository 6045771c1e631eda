import { line } from './app.mjs';
import { EXPECTED } from './run.mjs';

test('runs', async () => expect(await line()).toBe(EXPECTED));
