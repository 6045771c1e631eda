/** The bytes of a governed stream are those of the provider, chunk by chunk, however they were cut; and its usage is read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { governedFetch } from 'throttleai/adapters/fetch';
import { between, createRandom, type Random } from '../../testing/random.ts';
import { notedGovernor } from './support.ts';
import { wires } from './wires.ts';

const SEED = 20_261_122;
const ROUNDS = 40;

/** Cut anywhere: in the middle of characters and of line ends, into single bytes, and with chunks that are empty. */
function cut(bytes: Uint8Array, random: Random): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  const longest = [1, 3, 64, 4_096][Math.floor(random() * 4)]!;
  for (let from = 0; from < bytes.length;) {
    const length = Math.floor(between(random, 0, longest + 1));
    chunks.push(bytes.slice(from, from + length));
    from += length;
  }
  return chunks;
}

for (const { name, path, events, streamType, usage } of wires)
  if (events !== undefined)
    test(`bytes and chunks are left as they are: ${name}`, async (t) => {
      const random = createRandom(SEED);
      const { governor, released } = notedGovernor(t);
      for (let round = 0; round < ROUNDS; round++) {
        const lineEnd = ['\n', '\r\n', '\r'][round % 3]!;
        const text = round % 2 === 0 ? events.join('') : `\uFEFF${events.join('').replaceAll('\n', lineEnd)}`;
        const sent = cut(new TextEncoder().encode(text), random);
        const waiting = [...sent];
        const body = new ReadableStream<Uint8Array>({
          pull(controller) {
            const chunk = waiting.shift();
            if (chunk === undefined) controller.close();
            // A copy: what the governor did to it would be seen.
            else controller.enqueue(chunk.slice());
          },
        });
        const answer = new Response(body, { headers: { 'content-type': streamType } });
        const governed = governedFetch(governor, { fetch: async () => answer });
        const response = await governed(`https://api.example.com${path}`, { method: 'POST', body: '{"model":"m"}' });
        const read: Uint8Array[] = [];
        for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) read.push(chunk);
        assert.deepEqual(read, sent, `round ${round}`);
        assert.deepEqual(released.at(-1)?.report?.usage, usage, `round ${round}`);
      }
      assert.equal(released.length, ROUNDS);
    });
