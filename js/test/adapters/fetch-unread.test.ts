/** wrapFetch: bodies that nobody reads, and the pace of those who do. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestClock } from 'throttleai';
import { wrapFetch } from 'throttleai/adapters/fetch';
import { collectUntil, gate, JSON_TYPE, listen, notedGovernor, settle } from './support.ts';

test('a response that nobody reads ends its lease when its bytes have arrived', async (t) => {
  const { governor, untilReleased } = notedGovernor(t);
  const origin = await listen(t, (_req, res) => res.writeHead(200, JSON_TYPE).end('x'.repeat(500_000)));
  const answer = await wrapFetch(fetch, { governor })(origin);
  const [release] = await untilReleased(1);
  assert.equal(release?.report?.outcome, 'success');
  assert.ok(answer.ok);
  assert.equal((await answer.response.text()).length, 500_000, 'it can still be read');
  await wrapFetch(async () => new Response(new Uint8Array(1024 * 1024)), { governor })('https://example.com/');
  assert.equal((await untilReleased(2))[1]?.report?.outcome, 'success', 'exactly 1 MiB');
});

test('at most about 1 MiB is read ahead; then the idle time runs, and reading goes on at the pace of the reader', async (t) => {
  const clock = createTestClock();
  const { governor, released, untilReleased } = notedGovernor(t, { clock, leaseTtlMs: 1e6 });
  const sent = { chunks: 0 };
  const chunk = new Uint8Array(64 * 1024);
  const total = 100;
  const source = async (): Promise<Response> =>
    new Response(
      new ReadableStream(
        {
          pull(controller) {
            if (sent.chunks++ < total) controller.enqueue(chunk);
            else controller.close();
          },
        },
        { highWaterMark: 0 },
      ),
    );
  const answer = await wrapFetch(source, { governor })('https://example.com/');
  assert.ok(answer.ok);
  await settle();
  assert.equal(sent.chunks, 17, '1 MiB of 64 KiB chunks, and a look for the end');
  clock.advance(29_999);
  assert.equal(released.length, 0);
  clock.advance(1);
  assert.equal(released[0]?.report?.outcome, 'timeout');
  assert.equal(sent.chunks, 17);
  assert.equal((await answer.response.arrayBuffer()).byteLength, total * chunk.byteLength);
  await untilReleased(1);
  assert.equal(released.length, 1);
});

test('an event stream is not read ahead; unread it gives up its lease after idleMs and can still be read', async (t) => {
  const clock = createTestClock();
  const { governor, released } = notedGovernor(t, { clock });
  const origin = await listen(t, (_req, res) =>
    res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' }).end('data: 1\n\n'),
  );
  const answer = await wrapFetch(fetch, { governor, idleMs: 500 })(origin);
  assert.ok(answer.ok);
  await settle();
  clock.advance(499);
  assert.equal(released.length, 0);
  clock.advance(1);
  assert.equal(released[0]?.report?.outcome, 'timeout');
  assert.equal(await answer.response.text(), 'data: 1\n\n');
});

test('once the lease is given up, reading on arms no further timer', async (t) => {
  const clock = createTestClock();
  const armed = new Set<unknown>();
  const counting = {
    now: clock.now,
    setTimeout(callback: () => void, ms: number): unknown {
      const timer = clock.setTimeout(() => {
        armed.delete(timer);
        callback();
      }, ms);
      armed.add(timer);
      return timer;
    },
    clearTimeout(timer: unknown): void {
      armed.delete(timer);
      clock.clearTimeout(timer);
    },
  };
  const { governor } = notedGovernor(t, { clock: counting });
  const origin = await listen(t, (_req, res) =>
    res.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: 1\n\n'),
  );
  const answer = await wrapFetch(fetch, { governor, idleMs: 500 })(origin);
  assert.ok(answer.ok);
  clock.advance(500);
  governor.dispose();
  const reader = answer.response.body!.getReader();
  await reader.read();
  await settle();
  assert.equal(armed.size, 0);
});

test('an event stream that was dropped ends its lease and its connection', async (t) => {
  const { governor, released } = notedGovernor(t);
  const closed = gate();
  const origin = await listen(t, (_req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    res.on('close', () => closed.open());
  });
  const drop = async (): Promise<boolean> => (await wrapFetch(fetch, { governor })(origin)).ok;
  assert.ok(await drop());
  await collectUntil(() => released.length > 0);
  assert.equal(released[0]?.report?.outcome, 'cancelled');
  await closed.promise;
});

test('waiting for the provider is not idle time', async (t) => {
  const clock = createTestClock();
  const { governor, released } = notedGovernor(t, { clock, leaseTtlMs: 1e6 });
  const second = gate();
  const origin = await listen(t, async (_req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    await second.promise;
    res.end('data: 2\n\n');
  });
  const answer = await wrapFetch(fetch, { governor, idleMs: 500 })(origin);
  assert.ok(answer.ok);
  const reader = answer.response.body!.getReader();
  await reader.read();
  const pending = reader.read();
  await settle();
  clock.advance(10_000);
  assert.equal(released.length, 0);
  second.open();
  assert.equal(new TextDecoder().decode((await pending).value), 'data: 2\n\n');
  assert.equal((await reader.read()).done, true);
  assert.equal(released[0]?.report?.outcome, 'success');
});

test('what was read ahead before a body failed is still there for the reader', async (t) => {
  const { governor, released } = notedGovernor(t);
  const chunks = ['one ', 'two ', 'three'];
  const source = async (): Promise<Response> =>
    new Response(
      new ReadableStream<Uint8Array>({
        pull(controller) {
          const chunk = chunks.shift();
          if (chunk === undefined) controller.error(new Error('cut'));
          else controller.enqueue(new TextEncoder().encode(chunk));
        },
      }),
    );
  const answer = await wrapFetch(source, { governor })('https://example.com/');
  assert.ok(answer.ok);
  await settle();
  assert.equal(released[0]?.report?.outcome, 'error', 'the lease ended when the body failed');
  const reader = answer.response.body!.getReader();
  let text = '';
  await assert.rejects(async () => {
    for (;;) text += new TextDecoder().decode((await reader.read()).value);
  }, /cut/);
  assert.equal(text, 'one two three');
  assert.equal(released.length, 1);
});

for (const chunks of [0, 1])
  test(`an abort while nobody reads ends the lease at once: after ${chunks} chunks`, async (t) => {
    const { governor, untilReleased } = notedGovernor(t);
    const origin = await listen(t, (_req, res) => {
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    });
    const abort = new AbortController();
    const answer = await wrapFetch(fetch, { governor, idleMs: 1e6 })(origin, { signal: abort.signal });
    assert.ok(answer.ok);
    const reader = answer.response.body!.getReader();
    for (let read = 0; read < chunks; read++) await reader.read();
    abort.abort();
    const [release] = await untilReleased(1);
    assert.equal(release?.report?.outcome, 'cancelled');
    await assert.rejects(reader.read(), { name: 'AbortError' });
  });

test('a connection that is lost while nobody reads ends the lease at once', async (t) => {
  const { governor, untilReleased } = notedGovernor(t);
  const origin = await listen(t, (_req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n', () => {
      setTimeout(() => res.destroy(), 20);
    });
  });
  const answer = await wrapFetch(fetch, { governor, idleMs: 1e6 })(origin);
  assert.ok(answer.ok);
  const [release] = await untilReleased(1);
  assert.equal(release?.report?.outcome, 'error');
});
