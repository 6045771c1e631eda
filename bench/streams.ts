/**
 * What a governed stream adds to a chunk of 64 KiB: `node --import tsx bench/streams.ts [--check]`, after a build. Whole streams are
 * read with and without `governedFetch`, in turns; the figure is the difference of the medians, for events of tokens, for one JSON
 * body, and for text beyond ASCII. Nothing waits: sources answer at once, so that all the time is the machinery's.
 */
import { createGovernor } from 'throttleai';
import { governedFetch } from 'throttleai/adapters/fetch';

/** Added time a chunk in microseconds: the promise of `--check`. */
const ADDED_US_MAX = 20;
const CHUNK_BYTES = 64 * 1024;
const CHUNKS = 200;
const ROUNDS = 31;
/** Until the engine has compiled what is measured. */
const WARM_UP = 20;

const event = (content: string): string =>
  `data: ${JSON.stringify({ object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content } }], usage: null })}\n\n`;
const usage = { usageMetadata: { promptTokenCount: 7, candidatesTokenCount: 12, totalTokenCount: 19 } };

const bodies: Readonly<Record<string, { type: string; text: string }>> = {
  'events of tokens': { type: 'text/event-stream', text: event(' token') },
  'events that all tell usage': { type: 'text/event-stream', text: `data: ${JSON.stringify(usage)}\r\n\r\n` },
  'events beyond ASCII': { type: 'text/event-stream', text: event(' 漢字 tökeñ') },
  'one JSON body': { type: 'application/json', text: '[0.0123,' },
};

/** A response whose chunks are there at once; each has bytes of its own, as those of a socket have. */
function answer({ type, text }: { type: string; text: string }): Response {
  const chunk = new TextEncoder().encode(text.repeat(Math.ceil(CHUNK_BYTES / text.length))).slice(0, CHUNK_BYTES);
  let left = CHUNKS;
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    if (left-- > 0) controller.enqueue(chunk.slice());
    else controller.close();
  };
  return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), { headers: { 'content-type': type } });
}

/** Reads to the end; microseconds a chunk. */
async function read(response: Response): Promise<number> {
  const reader = response.body!.getReader();
  const start = performance.now();
  while (!(await reader.read()).done);
  return ((performance.now() - start) * 1000) / CHUNKS;
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;

let worst = 0;
for (const [name, body] of Object.entries(bodies)) {
  const governor = createGovernor();
  const governed = governedFetch(governor, { fetch: async () => answer(body) });
  const [bare, held]: [number[], number[]] = [[], []];
  for (let round = -WARM_UP; round < ROUNDS; round++) {
    const times = [await read(answer(body)), await read(await governed('https://model.example/chat'))] as const;
    if (round < 0) continue;
    bare.push(times[0]);
    held.push(times[1]);
  }
  const added = median(held) - median(bare);
  worst = Math.max(worst, added);
  console.log(`${name.padEnd(28)}${added.toFixed(1).padStart(6)} us a chunk, ${median(bare).toFixed(1)} without`);
  if (governor.activeLeases > 0) throw new Error(`${governor.activeLeases} leases are left`);
}
console.log(`\nat most ${worst.toFixed(1)} us are added to a chunk of 64 KiB, ${ADDED_US_MAX} are allowed`);
if (process.argv.includes('--check') && worst > ADDED_US_MAX) process.exitCode = 1;
