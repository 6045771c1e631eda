/** The parts of the simulator, each against what is known of it in advance. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createGovernor, createTestClock, InputError } from 'throttleai';
import {
  askEvery,
  backOff,
  burst,
  closedLoop,
  constant,
  createRandom,
  exponential,
  flippingPoisson,
  governed,
  jainIndex,
  lognormal,
  maxMinFair,
  obey,
  onOff,
  poisson,
  quantile,
  queueingServer,
  rateLimitedServer,
  refusingServer,
  sharingServer,
  shed,
  simulate,
  startingAt,
  unlimitedServer,
  whole,
  withDrift,
  withOutage,
  type Arrivals,
  type CallEnd,
  type Distribution,
  type Scheduler,
  type ServerMaker,
  type Simulation,
} from 'throttleai/testing';
import { changesOf, valueAt } from '../../testing/simulator/distributions.ts';
import { World } from '../../testing/simulator/world.ts';

/** Lets everything through at once. */
const open: Scheduler = { ask: (_, answer) => answer({ granted: true }), end: () => {} };

test('events happen in the order of their instants, among equals in the order in which they were set', async () => {
  const world = new World(1, Infinity);
  const log: string[] = [];
  const pick = createRandom(5);
  const set = Array.from({ length: 300 }, (_, order) => ({ at: Math.floor(pick() * 20), order }));
  for (const { at, order } of set) world.after(at, () => log.push(`${world.now()}/${order}`));
  await world.run();
  const expected = [...set].sort((a, b) => a.at - b.at || a.order - b.order).map(({ at, order }) => `${at}/${order}`);
  assert.deepEqual(log, expected);
});

test('what an event settles is seen before the next, however many promises are between', async () => {
  const world = new World(1, Infinity);
  const log: string[] = [];
  world.after(1, async () => {
    for (let hops = 0; hops < 100; hops++) await null;
    log.push(`settled at ${world.now()}`);
    world.after(0, () => log.push('armed by it'));
  });
  world.after(1, () => log.push('next'));
  world.after(2, () => log.push('later'));
  await world.run();
  assert.deepEqual(log, ['settled at 1', 'next', 'armed by it', 'later']);
});

test('a run ends at its duration, what is due just then is left out', async () => {
  const world = new World(1, 10);
  const log: number[] = [];
  for (const at of [1, 10, 20]) world.after(at, () => log.push(at));
  await world.run();
  assert.deepEqual([log, world.now()], [[1], 10]);
});

test('the test clock goes from timer to timer', () => {
  const clock = createTestClock(0);
  const fired: number[] = [];
  const pick = createRandom(9);
  const armed = Array.from({ length: 200 }, () => {
    const at = Math.floor(pick() * 1000);
    return { at, timer: clock.setTimeout(() => fired.push(clock.time), at) };
  });
  const [cleared, kept] = [armed.slice(0, 50), armed.slice(50)];
  for (const { timer } of cleared) clock.clearTimeout(timer);
  clock.clearTimeout(undefined);
  while (clock.next());
  assert.deepEqual(
    fired,
    kept.map(({ at }) => at).sort((a, b) => a - b),
  );
  assert.deepEqual([clock.next(), clock.time], [false, fired.at(-1)]);
});

/** Mean and standard deviation of so many draws. */
function moments(distribution: Distribution, seed: number, count = 160_000): { mean: number; deviation: number } {
  const random = createRandom(seed);
  const drawn = Array.from({ length: count }, () => distribution(random));
  const mean = drawn.reduce((a, b) => a + b, 0) / count;
  return { mean, deviation: Math.sqrt(drawn.reduce((sum, x) => sum + (x - mean) ** 2, 0) / count) };
}

const near = (found: number, expected: number, part: number): void =>
  assert.ok(Math.abs(found - expected) <= part * expected, `${found} is not within ${part} of ${expected}`);

test('distributions have their means and deviations', () => {
  const table: [Distribution, number, number][] = [
    [constant(7), 7, 0],
    [exponential(200), 200, 200],
    [lognormal(1000, 0.5), 1000, 1000 * Math.sqrt(Math.exp(0.25) - 1)],
    [lognormal(1000, 1), 1000, 1000 * Math.sqrt(Math.exp(1) - 1)],
    [whole(1, 100), 50.5, Math.sqrt((100 ** 2 - 1) / 12)],
  ];
  for (const [distribution, mean, deviation] of table) {
    const found = moments(distribution, 11);
    near(found.mean, mean, 0.02);
    near(found.deviation, deviation, 0.06);
  }
});

test('the max-min fair division of worked examples', () => {
  const even = (...demands: number[]): { demand: number; share: number }[] =>
    demands.map((demand) => ({ demand, share: 1 }));
  assert.deepEqual(maxMinFair(10, even(2, 2.6, 4, 5)), [2, 2.6, 2.7, 2.7]);
  assert.deepEqual(maxMinFair(9, even(100, 100, 100)), [3, 3, 3]);
  assert.deepEqual(maxMinFair(10, even(1, 2)), [1, 2]);
  assert.deepEqual(
    maxMinFair(16, [
      { demand: 4, share: 2.5 },
      { demand: 2, share: 4 },
      { demand: 10, share: 0.5 },
      { demand: 4, share: 1 },
    ]).map((part) => Number(part.toFixed(9))),
    [4, 2, 6, 4],
  );
  assert.deepEqual(maxMinFair(10, []), []);
});

test('Jain’s index and quantiles', () => {
  assert.equal(jainIndex([3, 3, 3]), 1);
  assert.equal(jainIndex([1, 0, 0, 0]), 0.25);
  assert.equal(jainIndex([1, 2]), 9 / 10);
  assert.equal(jainIndex([0, 0]), NaN);
  assert.deepEqual([quantile([1, 2, 3], 0.5), quantile([0, 10], 0.95), quantile([], 0.5)], [2, 9.5, NaN]);
});

test('schedules', () => {
  const schedule = [[0, 40], [100, 10], [300, 40]] as const; // prettier-ignore
  assert.deepEqual(
    [0, 99, 100, 299, 300].map((at) => valueAt(schedule, at)),
    [40, 40, 10, 10, 40],
  );
  assert.deepEqual([valueAt(5, 9), changesOf(5), changesOf(schedule)], [5, [], [100, 300]]);
});

/** The instants at which arrivals ask, where calls take a second each. */
async function asks(arrivals: Arrivals, durationMs: number, seed = 1): Promise<number[]> {
  const at: number[] = [];
  const scheduler = ({ now }: { now(): number }): Scheduler => ({
    ...open,
    ask(_, answer) {
      at.push(now());
      answer({ granted: true });
    },
  });
  const actors = [{ id: 'a', arrivals, service: constant(1000) }];
  await simulate({ seed, durationMs, actors, server: unlimitedServer, scheduler });
  return at;
}

test('arrivals', async () => {
  assert.deepEqual(await asks(burst(3), 5000), [0, 0, 0]);
  assert.deepEqual(await asks(closedLoop(2), 2500), [0, 0, 1000, 1000, 2000, 2000]);
  assert.deepEqual(await asks(closedLoop(1, 500), 4000), [0, 1500, 3000]);
  assert.deepEqual(await asks(startingAt(700, closedLoop(1)), 2000), [700, 1700]);
  // On from 100 to 1600, from 2100 to 3600: the call that runs when it is off is not followed by another.
  assert.deepEqual(await asks(onOff(1500, 500, 100, closedLoop(1)), 3500), [100, 1100, 2100, 3100]);
  near((await asks(poisson(5), 4_000_000)).length, 20_000, 0.03);
  // Half of the time each.
  near((await asks(flippingPoisson([2, 8], 500), 4_000_000)).length, 20_000, 0.05);
});

test('one seed is one run, another is another', async () => {
  const [one, same, other] = [
    await asks(poisson(5), 9000),
    await asks(poisson(5), 9000),
    await asks(poisson(5), 9000, 2),
  ];
  assert.deepEqual(one, same);
  assert.notDeepEqual(one, other);
});

/** When calls of these lengths end that come at these instants, and how. */
async function ends(server: ServerMaker, calls: readonly [at: number, serviceMs: number][]): Promise<string[]> {
  const world = new World(1, Infinity);
  const made = server(world);
  const log: string[] = [];
  calls.forEach(([at, serviceMs], number) =>
    world.after(at, () =>
      made.start({ serviceMs } as never, ({ outcome }: CallEnd) =>
        log.push(`${number} ${outcome} ${Number(world.now().toFixed(6))}`),
      ),
    ),
  );
  await world.run();
  return log;
}

test('servers end calls when they should', async () => {
  assert.deepEqual(await ends(unlimitedServer, [[0, 10], [5, 1]]), ['1 success 6', '0 success 10']); // prettier-ignore
  assert.deepEqual(await ends(queueingServer(1), [[0, 10], [0, 10], [50, 1]]), ['0 success 10', '1 success 20', '2 success 51']); // prettier-ignore
  // One worker fewer from 5 on: who works goes on; a second one again from 30 on.
  const changing = [[0, 2], [5, 1], [30, 2]] as const; // prettier-ignore
  assert.deepEqual(
    await ends(queueingServer(changing), [
      [0, 10],
      [0, 10],
      [0, 25],
      [0, 5],
    ]),
    [
      // prettier-ignore
      '0 success 10',
      '1 success 10',
      '2 success 35',
      '3 success 35',
    ],
  );
  // Two on a capacity of 1: at half speed until the first is over.
  assert.deepEqual(await ends(sharingServer(1), [[0, 10], [0, 20]]), ['0 success 20', '1 success 30']); // prettier-ignore
  assert.deepEqual(await ends(sharingServer(2), [[0, 10], [5, 10]]), ['0 success 10', '1 success 15']); // prettier-ignore
  // The capacity halves at 10, when 10 of 20 are done.
  assert.deepEqual(await ends(sharingServer([[0, 1], [10, 0.5]]), [[0, 20]]), ['0 success 30']); // prettier-ignore
  assert.deepEqual(await ends(refusingServer(1), [[0, 100], [10, 100], [101, 5]]), ['1 refused 60', '0 success 100', '2 success 106']); // prettier-ignore
  assert.deepEqual(await ends(withOutage({ fromMs: 10, toMs: 20, failsAfterMs: 50 }, unlimitedServer), [[9, 5], [10, 5], [20, 5]]), ['0 success 14', '2 success 25', '1 error 60']); // prettier-ignore
  assert.deepEqual(await ends(withOutage({ fromMs: 10, toMs: 20, failsAfterMs: 50, outcome: 'timeout' }, unlimitedServer), [[10, 5]]), ['0 timeout 60']); // prettier-ignore
  assert.deepEqual(await ends(withDrift(3, 100, unlimitedServer), [[0, 10], [50, 10], [200, 10]]), ['0 success 10', '1 success 70', '2 success 230']); // prettier-ignore
});

test('a hidden limit of requests has a burst of two seconds, and refused ones count down to a debt of two', async () => {
  const at = (ms: number, count: number): [number, number][] => Array.from({ length: count }, () => [ms, 1]);
  const outcomes = async (...calls: [number, number][][]): Promise<string> => {
    const log = await ends(rateLimitedServer(10), calls.flat());
    return log.map((line) => line.split(' ')).sort((a, b) => Number(a[0]) - Number(b[0])).map(([, outcome]) => outcome![0]).join(''); // prettier-ignore
  };
  assert.equal(await outcomes(at(0, 22)), `${'s'.repeat(20)}rr`);
  // 20 taken, 60 refused: 20 owed, which takes 2 s to pay, and the next fits 0.1 s later.
  assert.equal(await outcomes(at(0, 80), at(2050, 1)), `${'s'.repeat(20)}${'r'.repeat(61)}`);
  assert.equal(await outcomes(at(0, 80), at(2100, 2)), `${'s'.repeat(20)}${'r'.repeat(60)}sr`);
});

const one = (actor: Partial<Simulation['actors'][number]>): Simulation['actors'] => [
  { id: 'a', arrivals: burst(1), service: constant(1000), ...actor },
];

test('callers obey, insist, back off or give up', async () => {
  const denied = { granted: false, retryAfterMs: 300 } as const;
  assert.deepEqual([1, 2].map((n) => obey(denied, n)), [300, 300]); // prettier-ignore
  assert.equal(obey({ ...denied, retryAfterMs: null }, 1), null);
  assert.equal(shed(denied, 1), null);
  assert.equal(askEvery(25)(denied, 9), 25);
  assert.deepEqual([1, 2, 3, 9].map((n) => backOff(100, 350)(denied, n)), [100, 200, 350, 350]); // prettier-ignore
  const scheduler = ({ now }: { now(): number }): Scheduler => ({
    ...open,
    ask: (_, answer) => answer(now() < 1000 ? denied : { granted: true }),
  });
  const simulation = { seed: 1, server: unlimitedServer, scheduler };
  const polled = await simulate({ ...simulation, actors: one({ whenDenied: obey }) });
  assert.deepEqual([polled.actors[0]?.polls, polled.actors[0]?.waitsMs], [4, [1200]]);
  const impatient = await simulate({ ...simulation, actors: one({ whenDenied: obey, patience: constant(1000) }) });
  assert.deepEqual([impatient.actors[0]?.givenUp, impatient.actors[0]?.granted], [1, 0]);
});

test('only what happens after the warm-up counts, and who still waits at the end has waited', async () => {
  const { actors, makespanMs } = await simulate({
    seed: 1,
    durationMs: 3500,
    warmUpMs: 1500,
    actors: one({ arrivals: closedLoop(3), weight: 2 }),
    server: unlimitedServer,
    scheduler: ({ clock }) => governed(createGovernor({ clock, concurrency: { maxInFlight: 2 } })),
  });
  const [actor] = actors;
  // One at a time: asked for at 2000 and 3000, both still waiting; granted at 2000 and 3000 were older ones.
  assert.deepEqual(
    [actor?.asked, actor?.granted, actor?.done, actor?.received, actor?.offered, actor?.waitsMs, makespanMs],
    [2, 2, 2, 2 * 2000, 2 * 2000, [500, 1500], 3500],
  );
});

test('a scheduler that fails ends the simulation; what none can be made of is named', async () => {
  const failing: Scheduler = { ...open, ask: () => Promise.reject(new Error('out of order')) };
  const simulation = { seed: 1, actors: one({}), server: unlimitedServer, scheduler: () => failing };
  await assert.rejects(simulate(simulation), /out of order/);
  const [actor] = one({});
  const bad: [field: string, wrong: object | null][] = [
    ['simulation', null],
    ['seed', { seed: 1.5 }],
    ['durationMs', { durationMs: 0 }],
    ['warmUpMs', { warmUpMs: -1 }],
    ['actors', { actors: [] }],
    ['actors[0]', { actors: [null] }],
    ['actors[0].id', { actors: [{ ...actor, id: 1 }] }],
    ['actors[1].id', { actors: [actor, actor] }],
    ['actors[0].service', { actors: [{ ...actor, service: 5 }] }],
    ['server', { server: 'fast' }],
    ['scheduler', { scheduler: undefined }],
  ];
  for (const [field, wrong] of bad)
    await assert.rejects(simulate((wrong && { ...simulation, ...wrong }) as never), { code: 'input', field });
});

test('without a server every call is worked on at once', async () => {
  const { makespanMs } = await simulate({
    seed: 1,
    actors: one({ arrivals: burst(50), service: constant(700) }),
    scheduler: ({ clock }) => governed(createGovernor({ clock })),
  });
  assert.equal(makespanMs, 700);
});

test('inversions, late grants and overdue refusals are found', async () => {
  const backwards = (): Scheduler => {
    const waiting: (() => void)[] = [];
    return {
      ask(_, answer) {
        waiting.push(() => answer({ granted: true }));
        if (waiting.length === 3) for (const next of waiting.reverse()) next();
      },
      end: () => {},
    };
  };
  const simulation = { seed: 1, server: unlimitedServer };
  const disorder = await simulate({ ...simulation, actors: one({ arrivals: burst(3) }), scheduler: backwards });
  assert.equal(disorder.actors[0]?.inversions, 2);
  const slow =
    (granted: boolean) =>
    ({ after }: { after(ms: number, event: () => void): void }): Scheduler => ({
      // prettier-ignore
      ...open,
      ask: (_, answer) => after(150, () => answer(granted ? { granted } : { granted: false, retryAfterMs: null })),
    });
  const actors = one({ patience: constant(100) });
  assert.equal((await simulate({ ...simulation, actors, scheduler: slow(true) })).actors[0]?.late, 1);
  assert.equal((await simulate({ ...simulation, actors, scheduler: slow(false) })).actors[0]?.overdueMs, 50);
});

test('a governor is told what the server said of each call', async () => {
  const said: CallEnd[] = [
    { outcome: 'success', outputTokens: 70 },
    { outcome: 'refused', retryAfterMs: 300 },
    { outcome: 'timeout' },
    { outcome: 'error' },
  ];
  const governor = createGovernor();
  const told: unknown[] = [];
  governor.release = (_, report) => void told.push(report);
  const server: ServerMaker = ({ after }) => ({
    start: ({ number }, end) => after(1 + number, () => end(said[number]!)),
  });
  await simulate({
    seed: 1,
    actors: one({ arrivals: burst(said.length) }),
    server,
    scheduler: () => governed(governor),
  });
  assert.deepEqual(told, [
    { outcome: 'success', usage: { outputTokens: 70 } },
    { outcome: 'error', status: 429, retryAfterMs: 300 },
    { outcome: 'timeout' },
    { outcome: 'error' },
  ]);
});

test('the entry loads nothing of Node before a provider is made', () => {
  for (const file of ['index.js', 'index.cjs']) {
    const text = readFileSync(new URL(`../../../dist/testing/${file}`, import.meta.url), 'utf8');
    assert.deepEqual(text.match(/\bfrom\s*[`'"]node:|require\([`'"]node:/g), null, file);
    assert.equal(text.match(/\bimport\([`'"]node:http[`'"]\)/g)?.length, 1, file);
  }
});

test('a rate at which time would stand still or go back is refused', () => {
  for (const perSecond of [-1, NaN, Infinity]) assert.throws(() => poisson(perSecond), InputError, String(perSecond));
  for (const mean of [0, -5, NaN]) assert.throws(() => exponential(mean), InputError, String(mean));
  poisson(0);
});
