/** wrapFetch: the lease lasts as long as the body. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestClock } from 'throttleai';
import { wrapFetch } from 'throttleai/adapters/fetch';
import { gate, JSON_TYPE, listen, notedGovernor } from './support.ts';

test('the lease lasts until the last byte has arrived', async (t) => {
  const { governor, released, untilReleased } = notedGovernor(t);
  const rest = gate();
  const origin = await listen(t, async (_req, res) => {
    res.writeHead(200, JSON_TYPE).write('{"a":');
    await rest.promise;
    res.end('1}');
  });
  const answer = await wrapFetch(fetch, { governor })(origin);
  assert.ok(answer.ok);
  assert.equal(released.length, 0);
  assert.equal(governor.activeLeases, 1);
  rest.open();
  assert.deepEqual(await answer.response.json(), { a: 1 });
  const report = (await untilReleased(1))[0]?.report;
  assert.equal(report?.outcome, 'success');
  assert.ok((report.latencyMs ?? 0) >= answer.latencyMs);
});

test('the lease is renewed while bytes flow', async (t) => {
  const clock = createTestClock();
  const { governor } = notedGovernor(t, { clock, leaseTtlMs: 1000, reaperIntervalMs: 100 });
  let response!: import('node:http').ServerResponse;
  const origin = await listen(t, (_req, res) => {
    response = res;
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('0');
  });
  const answer = await wrapFetch(fetch, { governor })(origin);
  assert.ok(answer.ok);
  const reader = answer.response.body!.getReader();
  await reader.read();
  for (let i = 1; i <= 5; i++) {
    clock.advance(700);
    response.write(String(i));
    await reader.read();
    assert.equal(governor.activeLeases, 1, `held at ${i * 700} ms`);
  }
  response.end();
  assert.equal((await reader.read()).done, true);
  assert.equal(governor.activeLeases, 0);
});

test('a lease is renewed when half of its time is over, not with each chunk', async (t) => {
  const clock = createTestClock();
  const { governor } = notedGovernor(t, { clock, leaseTtlMs: 1000 });
  const renewed: number[] = [];
  governor.renew = (): boolean => renewed.push(clock.time - 100_000) > 0;
  let source!: ReadableStreamDefaultController<Uint8Array>;
  const body = new ReadableStream<Uint8Array>({ start: (controller) => void (source = controller) });
  const answer = await wrapFetch(async () => new Response(body), { governor })('https://example.com/');
  assert.ok(answer.ok);
  const reader = answer.response.body!.getReader();
  for (let i = 0; i < 16; i++) {
    source.enqueue(new Uint8Array(1));
    await reader.read();
    clock.advance(100);
  }
  assert.deepEqual(renewed, [500, 1000, 1500]);
});

test('a connection that is cut in the middle of the body is an error, for the reader too', async (t) => {
  const { governor, untilReleased } = notedGovernor(t);
  const cut = gate();
  const origin = await listen(t, async (_req, res) => {
    res.writeHead(200, JSON_TYPE).write('{');
    await cut.promise;
    res.destroy();
  });
  const answer = await wrapFetch(fetch, { governor })(origin);
  assert.ok(answer.ok);
  cut.open();
  await assert.rejects(answer.response.text());
  assert.equal((await untilReleased(1))[0]?.report?.outcome, 'error');
});

test('cancelling the body ends the lease and the connection', async (t) => {
  const { governor, released } = notedGovernor(t);
  const closed = gate();
  const origin = await listen(t, (_req, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    res.on('close', () => closed.open());
  });
  const answer = await wrapFetch(fetch, { governor })(origin);
  assert.ok(answer.ok);
  await answer.response.body!.cancel();
  assert.equal(released[0]?.report?.outcome, 'cancelled');
  await closed.promise;
});
