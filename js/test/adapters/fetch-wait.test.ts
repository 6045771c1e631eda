/** wrapFetch: waiting for a lease, aborts, shared keys. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AcquireDecision } from 'throttleai';
import { wrapFetch } from 'throttleai/adapters/fetch';
import { gate, JSON_TYPE, listen, notedGovernor, settle } from './support.ts';

for (const [name, reason, outcome] of [
  ['an abort', undefined, 'cancelled'],
  ['an abort with a reason of its own', 'enough', 'cancelled'],
  ['a time-out', new DOMException('too slow', 'TimeoutError'), 'timeout'],
] as const) {
  test(`${name} before the response is "${outcome}"`, async (t) => {
    const { governor, released } = notedGovernor(t);
    const arrived = gate();
    const origin = await listen(t, () => arrived.open());
    const abort = new AbortController();
    const call = wrapFetch(fetch, { governor })(origin, { signal: abort.signal });
    await arrived.promise;
    abort.abort(reason);
    await assert.rejects(call, (error) => error === abort.signal.reason);
    assert.equal(released[0]?.report?.outcome, outcome);
  });

  test(`${name} in the middle of the body is "${outcome}"`, async (t) => {
    const { governor, untilReleased } = notedGovernor(t);
    const origin = await listen(t, (_req, res) => void res.writeHead(200, JSON_TYPE).write('{'));
    const abort = new AbortController();
    const answer = await wrapFetch(fetch, { governor })(origin, { signal: abort.signal });
    assert.ok(answer.ok);
    abort.abort(reason);
    await assert.rejects(answer.response.text());
    assert.equal((await untilReleased(1))[0]?.report?.outcome, outcome);
  });
}

test('a signal that is aborted already makes no call and takes no lease', async (t) => {
  const { governor, asked } = notedGovernor(t);
  const call = wrapFetch(fetch, { governor })('https://example.com/', { signal: AbortSignal.abort('no') });
  await assert.rejects(call, (error) => error === 'no');
  assert.equal(asked.length, 0);
});

test('the signal of a Request counts as well, unless the second argument has one', async (t) => {
  const { governor, asked } = notedGovernor(t);
  const throttled = wrapFetch(async () => new Response(null), { governor });
  const request = new Request('https://example.com/', { signal: AbortSignal.abort('no') });
  const call = throttled(request);
  await assert.rejects(call, (error) => error === 'no');
  assert.equal(asked.length, 0);
  assert.ok((await throttled(request, { signal: new AbortController().signal })).ok);
});

test('with wait a call waits for a lease, in the order of the calls', async (t) => {
  const { governor } = notedGovernor(t, { concurrency: { maxInFlight: 1 } });
  const rest = gate();
  const order: string[] = [];
  const origin = await listen(t, async (req, res) => {
    order.push(req.url!);
    res.write('a');
    if (req.url === '/1') await rest.promise;
    res.end('b');
  });
  const throttled = wrapFetch(fetch, { governor, wait: {} });
  const first = await throttled(`${origin}/1`);
  const others = [throttled(`${origin}/2`), throttled(`${origin}/3`)];
  assert.deepEqual(order, ['/1']);
  rest.open();
  for (const answer of [first, ...(await Promise.all(others))]) {
    assert.ok(answer.ok);
    assert.equal(await answer.response.text(), 'ab');
  }
  assert.deepEqual(order, ['/1', '/2', '/3']);
});

test('an abort while it waits consumes nothing', async (t) => {
  const { governor, asked } = notedGovernor(t, { concurrency: { maxInFlight: 1 } });
  const held = governor.acquire({ actorId: 'a', action: 'b' });
  assert.ok(held.granted);
  const abort = new AbortController();
  const call = wrapFetch(fetch, { governor, wait: {} })('https://example.com/', { signal: abort.signal });
  abort.abort('gone');
  await assert.rejects(call, (error) => error === 'gone');
  governor.release(held.leaseId);
  assert.equal(asked.length, 1);
  assert.equal(governor.activeLeases, 0);
});

test('an object of the user’s is polled, with pauses', async (t) => {
  const denial: AcquireDecision = { granted: false, reason: 'rate', retryAfterMs: 25, recommendation: 'wait' };
  let asked = 0;
  const governor = {
    acquire: (): AcquireDecision =>
      ++asked < 3 ? denial : { granted: true, leaseId: 'lease-1', expiresAt: Date.now() + 1000 },
    release() {},
  };
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const call = wrapFetch(async () => new Response(null), { governor, wait: { timeoutMs: 10_000 } })(
    'https://example.com/',
  );
  for (const pause of [250, 500]) {
    await Promise.resolve();
    t.mock.timers.tick(pause);
    await settle();
  }
  assert.ok((await call).ok);
  assert.equal(asked, 3);
});

test('two calls under one key hold the slot until the last has finished', async (t) => {
  const { governor, asked } = notedGovernor(t, { concurrency: { maxInFlight: 5 } });
  const rest = new Map([
    ['/1', gate()],
    ['/2', gate()],
  ]);
  const origin = await listen(t, async (req, res) => {
    res.write('a');
    await rest.get(req.url!)!.promise;
    res.end();
  });
  const throttled = wrapFetch(fetch, { governor, idempotencyKey: () => 'same' });
  const [first, second] = await Promise.all([throttled(`${origin}/1`), throttled(`${origin}/2`)]);
  assert.ok(first.ok && second.ok);
  assert.equal(asked.length, 1);
  rest.get('/1')!.open();
  await first.response.text();
  assert.equal(governor.activeLeases, 1);
  rest.get('/2')!.open();
  await second.response.text();
  assert.equal(governor.activeLeases, 0);
});
