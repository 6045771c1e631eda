/** The reading of usage: the fixtures of the dialects, and the cutting of streams, however their bytes come. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { usageReader } from '../../adapters/internal/body-usage.ts';
import type { ProviderUsage } from '../../adapters/internal/types.ts';
import { usageOf } from '../../adapters/internal/usage.ts';
import { createRandom, type Random } from '../../testing/random.ts';
import { wires } from './wires.ts';

interface Fixture {
  name: string;
  body?: object;
  reading: {
    usage?: { inputTokens?: number; outputTokens?: number; totalTokens?: number; cachedInputTokens?: number };
  };
}

const folder = new URL('../../../vectors/providers/', import.meta.url);
for (const file of readdirSync(folder)) {
  const { dialect, cases } = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as {
    dialect: string;
    cases: Fixture[];
  };
  for (const { name, body, reading } of cases) {
    if (body === undefined || typeof body !== 'object') continue;
    test(`as throttleai/providers reads it: ${dialect}, ${name}`, () => {
      assert.deepEqual(usageOf(body), expected(reading.usage, 'message' in body));
    });
  }
}

/** @param opening the first event of a stream: what it says of output is no more than that there will be some */
function expected(usage: Fixture['reading']['usage'] = {}, opening: boolean): ProviderUsage | undefined {
  const { inputTokens, totalTokens, cachedInputTokens } = usage;
  const rest = inputTokens === undefined || totalTokens === undefined ? undefined : totalTokens - inputTokens;
  const outputTokens = opening ? undefined : (usage.outputTokens ?? rest);
  const found = { promptTokens: inputTokens, outputTokens, cachedTokens: cachedInputTokens };
  const known = Object.entries(found).filter(([, count]) => count !== undefined);
  return known.length > 0 ? Object.fromEntries(known) : undefined;
}

test('what a gateway reports twice is counted once', () => {
  const usage = {
    prompt_tokens: 100,
    cache_read_input_tokens: 80,
    cache_creation_input_tokens: 5,
    completion_tokens: 1,
  };
  assert.deepEqual(usageOf({ usage }), { promptTokens: 100, outputTokens: 1, cachedTokens: 80 });
});

test('what is no count is none, and nothing makes the reader throw', () => {
  const wrong = [NaN, -1, Infinity, 1e12, '5x', '', null, true, {}, []];
  for (const count of wrong) assert.equal(usageOf({ usage: { prompt_tokens: count } }), undefined, String(count));
  const throwing = { get usage() { throw new Error('no'); } }; // prettier-ignore
  for (const body of [undefined, null, 7, 'text', [], {}, { usage: 7 }, throwing])
    assert.equal(usageOf(body), undefined);
  assert.deepEqual(usageOf({ usage: { prompt_tokens: '12' } }), { promptTokens: 12 });
});

/** Cuts bytes into pieces of random sizes, most of them small, some of them empty. */
function* pieces(bytes: Uint8Array, random: Random): Generator<Uint8Array> {
  const most = 2 ** (1 + Math.floor(random() * 17));
  for (let at = 0; at < bytes.length;) {
    const length = Math.floor(random() * most);
    yield bytes.slice(at, at + length);
    at += length;
  }
}

/** The chunks are written over once they were seen, as a reader may do. */
function readAll(text: string, eventStream: boolean, random: Random): ProviderUsage | undefined {
  const reader = usageReader(eventStream);
  for (const piece of pieces(new TextEncoder().encode(text), random)) {
    reader.sees(piece);
    piece.fill(0x20);
  }
  return reader.usage();
}

/** The same stream in other line ends, with a byte order mark, comments, and its data on several lines. */
const spellings: Readonly<Record<string, (text: string) => string>> = {
  'as it is': (text) => text,
  CRLF: (text) => text.replace(/\r?\n/g, '\r\n'),
  CR: (text) => text.replace(/\r?\n/g, '\r'),
  'a byte order mark and comments': (text) => `\uFEFF: hello\n\n${text.replace(/^data/gm, ': ping\n\ndata')}`,
  'data on several lines': (text) => text.replace(/^data: (\{.*?),"/gm, 'data: $1,\ndata:"'),
  'long comments between': (text) => text.replace(/\n\n/g, `\n\n: ${'é'.repeat(9000)}\n\n`),
};

for (const { name, events, json, usage, partial, streamType } of wires) {
  const eventStream = streamType.startsWith('text/event-stream');
  test(`${name}: whole, indented, in any pieces`, () => {
    const random = createRandom(7);
    for (let round = 0; round < 60; round++)
      for (const text of [JSON.stringify(json), `\n ${JSON.stringify(json, null, 2)}\n`])
        assert.deepEqual(readAll(text, false, random), usage);
  });
  if (!events) continue;
  for (const [how, spell] of Object.entries(spellings)) {
    if (!eventStream && how !== 'as it is' && how !== 'CRLF') continue;
    test(`${name}: a stream in any pieces: ${how}`, () => {
      const random = createRandom(11);
      for (let round = 0; round < 60; round++)
        assert.deepEqual(readAll(spell(events.join('')), eventStream, random), usage);
    });
  }
  for (const [count, known] of Object.entries(partial)) {
    test(`${name}: what a stream has said after ${count} events`, () => {
      const head = events.slice(0, Number(count)).join('');
      assert.deepEqual(readAll(head, eventStream, createRandom(3)), known);
      const next = events[Number(count)]!;
      assert.deepEqual(
        readAll(head + next.slice(0, next.length >> 1), eventStream, createRandom(3)),
        known,
        'and a half',
      );
    });
  }
}

test('a body of any length is read in bounded memory, and events larger than what is kept are still understood', () => {
  const random = createRandom(5);
  const filler = `data: ${JSON.stringify({ choices: [{ delta: { content: 'x'.repeat(900) } }], usage: null })}\n\n`;
  const large = `data: ${JSON.stringify({ type: 'response.completed', response: { output: 'y'.repeat(300_000), usage: { input_tokens: 5, output_tokens: 6 } } })}\n\n`;
  assert.deepEqual(readAll(filler.repeat(2000) + large, true, random), { promptTokens: 5, outputTokens: 6 });
  const start = `data: ${JSON.stringify({ type: 'message_start', message: { usage: { input_tokens: 5, output_tokens: 1 } } })}\n\n`;
  const end = `data: ${JSON.stringify({ type: 'message_delta', usage: { output_tokens: 77 } })}\n\n`;
  assert.deepEqual(readAll(start + filler.repeat(2000) + end, true, random), { promptTokens: 5, outputTokens: 77 });
  assert.deepEqual(readAll(start + filler.repeat(2000), true, random), { promptTokens: 5 });
});

test('a list that Gemini streams without server-sent events tells what it said last, also when it breaks off', () => {
  const item = (candidatesTokenCount: number): string =>
    JSON.stringify({ candidates: [], usageMetadata: { promptTokenCount: 7, candidatesTokenCount } }, null, 2);
  const list = `[${[1, 2, 3].map(item).join(',\n')}]`;
  const random = createRandom(13);
  assert.deepEqual(readAll(list, false, random), { promptTokens: 7, outputTokens: 3 });
  assert.deepEqual(readAll(list.slice(0, -30), false, random), { promptTokens: 7, outputTokens: 2 });
});

test('usage that JSON says first is found, however long the rest is and wherever it breaks off', () => {
  const random = createRandom(17);
  for (const length of [50_000, 100_000, 200_000]) {
    const body = `{"usage":{"prompt_tokens":7,"completion_tokens":5},"choices":["${'x'.repeat(length)}"]}`;
    const reader = usageReader(false);
    reader.sees(new TextEncoder().encode(body));
    assert.deepEqual(reader.usage(), { promptTokens: 7, outputTokens: 5 }, `${length} at once`);
    for (const text of [body, body.slice(0, -1)])
      assert.deepEqual(readAll(text, false, random), { promptTokens: 7, outputTokens: 5 }, `${length} in pieces`);
  }
});

test('text that breaks off in a string is looked through once: by a step for each quote it would take a minute', () => {
  const random = createRandom(19);
  const quotes = '\\"'.repeat(60_000);
  for (const json of [
    `{"usage":{"a":"${quotes}`,
    `{${'"usage":{'.repeat(16)}"a":"${quotes}`,
    `{"meta":{"html":"${quotes}`,
    `{"usage":{"a":"${quotes}\\`,
    `{${'"usage":{"a":'.repeat(10_000)}`,
    `{${'"usage"'.repeat(10_000)}${' '.repeat(50_000)}`,
  ]) {
    assert.equal(readAll(json, false, random), undefined);
    assert.equal(readAll(`data: ${json}"completion_tokens"`, true, random), undefined);
  }
  const counts = '"prompt_tokens":7,"completion_tokens":5';
  const long = (length: number): string => `{"choices":[],"usage":{"a":"${'x'.repeat(length)}",${counts}},"more":"`;
  assert.deepEqual(readAll(long(16_000), false, random), { promptTokens: 7, outputTokens: 5 });
  assert.equal(readAll(long(17_000), false, random), undefined, 'no usage is as long');
});

test('of objects that may hold counts the last sixteen are looked into', () => {
  for (const after of [15, 16]) {
    const reader = usageReader(true);
    const event = `data: {"usage":{"prompt_tokens":7,"completion_tokens":5},${'"meta":{'.repeat(after)}`;
    reader.sees(new TextEncoder().encode(event));
    assert.deepEqual(reader.usage(), after < 16 ? { promptTokens: 7, outputTokens: 5 } : undefined);
  }
});
