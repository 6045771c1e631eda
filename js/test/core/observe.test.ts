/** What providers' answers do to a governor: gates. Limits that follow them: `discovery.test.ts`. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGovernor, createTestClock, formatEvent, InputError } from 'throttleai';
import { readAnswer } from 'throttleai/providers';
import { ask, bench, denied, granted, settled } from './support.ts';

const chat = ask('a', { model: 'gpt-4o' });
const quota = {
  status: 429,
  url: 'https://api.openai.com/v1/chat/completions',
  headers: {},
  body: {
    error: { code: 'insufficient_quota', type: 'insufficient_quota', message: 'You exceeded your current quota' },
  },
};

for (const ms of [1, 250, 999, 60_000, 3_600_000, 86_400_000])
  test(`a transient refusal is not retried before the server's instant, and then at once: ${ms} ms`, async (t) => {
    const { governor, clock, events } = bench(t, { models: {} });
    const leaseId = granted(governor.acquire(chat));
    clock.advance(20);
    const retryAt = clock.time + ms;
    const response = new Response(null, { status: 429, headers: { 'retry-after-ms': String(ms) } });
    const { reading, family } = governor.observe(response, { leaseId, model: 'gpt-4o' });
    assert.deepEqual([reading.kind, reading.retryAt, family], ['transient', retryAt, 'gpt-4o']);
    assert.deepEqual(events.at(-1), {
      type: 'gate',
      timestamp: clock.time,
      model: 'gpt-4o',
      state: 'closed',
      cause: 'cooldown',
      until: retryAt,
    });
    governor.release(leaseId, { outcome: 'error' });
    const denial = denied(governor.acquire({ ...chat, model: 'gpt-4o-2024-08-06' }));
    assert.deepEqual([denial.reason, denial.cause, denial.retryAt], ['rate', 'cooldown', retryAt]);
    granted(governor.acquire(ask('a', { model: 'claude-sonnet-4-5' }))); // Another family.
    let sentAt = 0;
    const waits = governor.acquireAsync(chat).then(() => (sentAt = clock.time));
    clock.advance(ms - 1);
    await settled();
    assert.equal(sentAt, 0);
    clock.advance(1);
    await waits;
    assert.equal(sentAt, retryAt);
  });

test('who cannot be served before its deadline is told at once', async (t) => {
  const { governor, clock } = bench(t);
  governor.observe({ status: 429, headers: { 'retry-after': '10' } });
  const denial = denied(await governor.acquireAsync(ask('a'), { timeoutMs: 9_999 }));
  assert.deepEqual([denial.cause, denial.retryAt], ['deadline', clock.time + 10_000]);
});

test('a terminal error costs one request, until somebody acts', async (t) => {
  const { governor, clock, events } = bench(t, { readAnswer });
  let sent = 0;
  const send = (): void => {
    const decision = governor.acquire(chat);
    if (!decision.granted) return;
    sent++;
    governor.observe(quota, { leaseId: decision.leaseId, model: 'gpt-4o' });
    governor.release(decision.leaseId, { outcome: 'error' });
  };
  for (let hour = 0; hour < 50; hour++) {
    send();
    clock.advance(3_600_000);
  }
  assert.equal(sent, 1);
  const denial = denied(governor.acquire(chat));
  assert.deepEqual([denial.cause, denial.retryAt, denial.maxAllowed], ['circuit', null, 0]);
  assert.match(denial.recommendation, /^The provider fails calls/);
  assert.equal(denied(await governor.acquireAsync(chat)).cause, 'circuit');
  assert.equal(governor.reopen('claude-sonnet-4-5'), false);
  assert.equal(governor.reopen('gpt-4o'), true);
  assert.deepEqual(events.at(-1), { type: 'gate', timestamp: clock.time, model: 'gpt-4o', state: 'open', until: null });
  send();
  send();
  assert.equal(sent, 2);
  governor.observe({ status: 200 }, { model: 'gpt-4o' }); // Somebody has tried by hand.
  granted(governor.acquire(chat));
});

test('waiters come back one first, and one more with each success', async (t) => {
  const { governor, clock } = bench(t);
  const first = Array.from({ length: 6 }, () => granted(governor.acquire(ask('a'))));
  governor.observe({ status: 429, headers: { 'retry-after': '1' } });
  first.forEach((leaseId) => governor.release(leaseId, { outcome: 'error' }));
  const again = Array.from({ length: 6 }, () => granted0(governor));
  function granted0(of: typeof governor): Promise<string> {
    return of.acquireAsync(ask('a')).then(granted);
  }
  const held: string[] = [];
  void again.map(async (lease) => held.push(await lease));
  clock.advance(1_000);
  await settled();
  const waves = [held.length];
  while (held.length < 6 && waves.length < 9) {
    for (const leaseId of held.slice(-waves.at(-1)!)) {
      governor.observe({ status: 200 }, { leaseId });
      governor.release(leaseId);
    }
    const before = held.length;
    clock.advance(10);
    await settled();
    waves.push(held.length - before);
  }
  assert.deepEqual(waves, [1, 2, 3]);
});

for (const past of [
  { status: 429, headers: { 'retry-after': '0' } },
  { kind: 'transient', retryAt: 1 },
] as const)
  test(`an instant that is past names no pause, and lets nobody else out: ${JSON.stringify(past)}`, async (t) => {
    const { governor, clock } = bench(t, { readAnswer });
    const first = granted(governor.acquire(chat));
    governor.observe(past, { leaseId: first });
    governor.release(first, { outcome: 'error', status: 429, retryAfterMs: 0 });
    const held: string[] = [];
    for (let call = 0; call < 20; call++)
      void governor.acquireAsync(chat).then(
        (decision) => decision.granted && held.push(decision.leaseId),
        () => 'closed at the end of the test',
      );
    for (const [refusals, pauseMs] of [1_000, 2_000, 4_000].entries()) {
      clock.advance(pauseMs - 1);
      await settled();
      assert.equal(held.length, refusals, `a pause of ${pauseMs} ms`);
      clock.advance(1);
      await settled();
      assert.equal(held.length, refusals + 1);
      governor.observe(past, { leaseId: held.at(-1)! });
      governor.release(held.at(-1)!, { outcome: 'error', status: 429, retryAfterMs: 0 });
      await settled();
    }
  });

test('an overload without an instant pauses for longer each time', (t) => {
  const { governor, clock } = bench(t);
  const pauses: number[] = [];
  for (let turn = 0; turn < 9; turn++) {
    const leaseId = granted(governor.acquire(ask('a')));
    clock.advance(5);
    governor.observe({ status: 529, headers: {} }, { leaseId });
    governor.release(leaseId, { outcome: 'error' });
    const { retryAt } = denied(governor.acquire(ask('a')));
    pauses.push(retryAt! - clock.time);
    clock.advance(retryAt! - clock.time);
  }
  assert.deepEqual(
    pauses,
    [1, 2, 4, 8, 16, 32, 64, 64, 64].map((s) => s * 1000),
  );
});

test('what is no answer is an InputError that names it', (t) => {
  const { governor } = bench(t);
  for (const [answer, options, field] of [
    [null, undefined, 'answer'],
    [1, undefined, 'answer'],
    [{ kind: 'transiant' }, undefined, 'answer.kind'],
    [{}, 1, 'options'],
    [{}, { leaseId: 1 }, 'options.leaseId'],
    [{}, { model: 1 }, 'options.model'],
    [{}, { modle: 'x' }, 'options.modle'],
  ] as const)
    assert.throws(
      () => governor.observe(answer as never, options as never),
      (error) => InputError.isInstance(error) && error.field === field,
    );
  governor.observe({ status: 200 }, null);
});

test('errors of SDKs and clients are answers, whole; one that no provider has answered is no success', (t) => {
  const { governor, clock } = bench(t, { readAnswer });
  const { body, headers, url } = quota;
  const sdk = Object.assign(new Error('429'), { status: 429, headers: new Headers(), error: body.error });
  const client = Object.assign(new Error('429'), { response: { status: 429, headers, url, data: body } });
  const google = Object.assign(new Error(JSON.stringify(body)), { status: 429, headers });
  for (const error of [sdk, client, google]) {
    assert.equal(governor.observe(error, { model: 'gpt-4o' }).reading.kind, 'terminal');
    governor.observe(new TypeError('fetch failed'), { model: 'gpt-4o' });
    governor.observe({ body: '{"choices": []}' }, { model: 'gpt-4o' });
    clock.advance(100_000);
    assert.equal(denied(governor.acquire(chat)).cause, 'circuit');
    governor.observe({ status: 200 }, { model: 'gpt-4o' });
    governor.reopen('gpt-4o');
  }
});

test('a wrong key closes nothing for others', (t) => {
  const { governor } = bench(t, { readAnswer });
  governor.observe({ status: 401, url: 'https://api.openai.com/', headers: {}, body: '{}' });
  granted(governor.acquire(ask('a')));
});

test('a denial of the provider tells no numbers of a limit that has room', (t) => {
  const { governor } = bench(t, { readAnswer, limits: { requests: '10/m' } });
  granted(governor.acquire(chat));
  governor.observe(quota, { model: 'gpt-4o' });
  const denial = denied(governor.acquire(chat));
  assert.deepEqual([denial.cause, denial.limit, denial.limitsHint], ['circuit', undefined, {}]);
});

test('gates outlast a restart and another configuration', (t) => {
  const { governor, clock } = bench(t, { readAnswer });
  governor.observe(quota, { model: 'gpt-4o' });
  governor.reconfigure({ readAnswer });
  assert.equal(denied(governor.acquire(chat)).cause, 'circuit');
  const again = createGovernor({ clock, readAnswer }, { restore: governor.save() });
  t.after(() => again.close());
  assert.equal(denied(again.acquire(chat)).cause, 'circuit');
  granted(again.acquire(ask('a', { model: 'other' })));
  again.reopen('gpt-4o');
  granted(again.acquire(chat));
});

test('events of gates and limits in one line', () => {
  const gate = { type: 'gate', model: 'gpt-4o', state: 'closed', cause: 'cooldown', until: 1 } as const;
  assert.equal(formatEvent(gate), '[gate] model=gpt-4o closed cause=cooldown');
  assert.equal(formatEvent({ type: 'gate', model: 'gpt-4o', state: 'open' }), '[gate] model=gpt-4o open');
  assert.equal(
    formatEvent({ type: 'limit', limit: 'provider:tokens/1m', max: 10 }),
    '[limit] limit=provider:tokens/1m max=10',
  );
});

test('without a reader a status means what it means to the dialect of servers that nobody knows, but for wrong keys', (t) => {
  const { governor } = bench(t);
  for (let status = 100; status < 600; status++) {
    const { kind } = governor.observe({ status }).reading;
    const known = readAnswer({ status }, { dialect: 'generic' });
    assert.equal(kind, known.why === 'auth' ? 'other' : known.kind, String(status));
  }
});

test('a pause of 366 days is believed, and no longer one, by the governor as by the dialects', (t) => {
  for (const config of [{}, { readAnswer }]) {
    const { governor, clock } = bench(t, config, createTestClock(1_790_000_000_000));
    const retryAt = (seconds: number): number | undefined =>
      governor.observe({ status: 429, headers: { 'retry-after': String(seconds) } }).reading.retryAt;
    const longest = 366 * 86_400;
    assert.deepEqual([retryAt(longest), retryAt(longest + 1)], [clock.time + longest * 1000, undefined]);
  }
});
