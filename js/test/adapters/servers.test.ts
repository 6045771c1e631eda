/** What all servers' adapters do alike, over sockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request, type ClientRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { test, type TestContext } from 'node:test';
import { createTestClock, type GovernorConfig } from 'throttleai';
import { apps, BIG_CHUNK, CHUNKS, type Hooks } from './apps.ts';
import { gate, listen, notedGovernor, settle, type Noted } from './support.ts';

/** A server, its governor, and a client of it. */
interface Served extends Noted {
  origin: string;
  /** Sends a request on a connection of its own, and waits for nothing. */
  ask(path: string): ClientRequest;
}

type Serve = (t: TestContext, config?: GovernorConfig, hooks?: Hooks) => Promise<Served>;

const serverOf =
  (make: (typeof apps)['Hono']): Serve =>
  async (t, config, hooks) => {
    // No lease may end by expiry where a test does not say so.
    const noted = notedGovernor(t, { leaseTtlMs: 3_600_000, ...config });
    const origin = await listen(t, make(noted.governor, hooks));
    const ask = (path: string): ClientRequest => {
      const asked = request(origin + path, { agent: false }).end();
      asked.on('error', () => {});
      return asked;
    };
    return { ...noted, origin, ask };
  };

async function answerTo(asked: ClientRequest): Promise<IncomingMessage> {
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  response.on('error', () => {});
  return response;
}

const outcomesOf = ({ released }: Noted): unknown[] => released.map(({ report }) => report?.outcome);

/** Takes the only slot, so that requests are denied. */
const one: GovernorConfig = { concurrency: { maxInFlight: 1 } };
function fill({ governor }: Noted): string {
  const held = governor.acquire({ actorId: 'a', action: 'held' });
  assert.ok(held.granted);
  return held.leaseId;
}

/** Waits until `count` has not changed for many turns of the event loop. */
async function untilStill(count: () => number): Promise<number> {
  for (let before = -1; before !== count(); await settle(50)) before = count();
  return count();
}

/** Requests that one connection sends at once. */
const pipelined = (...paths: string[]): string =>
  paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`).join('');

const suite: Record<string, (t: TestContext, serve: Serve) => Promise<void>> = {
  async 'HEAD, 204, 304 and redirects end their lease with the answer'(t, serve) {
    const served = await serve(t);
    const asked = [
      ['HEAD', 'json', 200],
      ['HEAD', 'chunks', 200],
      ['HEAD', 'big?chunks=100', 200],
      ['GET', 'empty', 204],
      ['GET', 'unchanged', 304],
      ['GET', 'moved', 303],
    ] as const;
    for (const [nth, [method, path, status]] of asked.entries()) {
      const response = await fetch(`${served.origin}/now/${path}`, { method, redirect: 'manual' });
      assert.equal(response.status, status);
      const body = await response.text();
      assert.ok(body === '' || status === 303);
      await served.untilReleased(nth + 1);
      assert.equal(served.governor.activeLeases, 0);
    }
    assert.deepEqual(new Set(outcomesOf(served)), new Set(['success']));
  },

  async 'handlers that throw, at once, later, or in the middle of the body'(t, serve) {
    const started = gate();
    const served = await serve(t, {}, { pace: () => started.promise });
    for (const [path, message] of [
      ['throws', 'thrown'],
      ['rejects', 'thrown'],
    ]) {
      const response = await fetch(`${served.origin}/now/${path}`);
      assert.deepEqual([response.status, await response.text()], [500, message]);
    }
    await served.untilReleased(2);
    assert.deepEqual(outcomesOf(served), ['error', 'error']);
    const broken = await answerTo(served.ask('/now/breaks'));
    assert.equal(String((await once(broken, 'data'))[0]), 'part');
    started.open();
    await new Promise((resolve) => broken.on('close', resolve));
    assert.equal(broken.complete, false);
    await served.untilReleased(3);
    assert.notEqual(outcomesOf(served)[2], 'success');
    assert.equal(served.governor.activeLeases, 0);
  },

  async 'deny handlers that throw, reject, or ask the governor again'(t, serve) {
    const served = await serve(t, one);
    const held = fill(served);
    const answers: unknown[] = [];
    for (const mount of ['deny-throws', 'deny-rejects', 'deny-asks', 'now']) {
      const response = await fetch(`${served.origin}/${mount}/json`);
      answers.push([mount, response.status, response.status === 429 || (await response.text())]);
    }
    assert.deepEqual(answers, [
      ['deny-throws', 500, 'thrown'],
      ['deny-rejects', 500, 'thrown'],
      ['deny-asks', 503, 'again false'],
      ['now', 429, true],
    ]);
    assert.equal(served.governor.activeLeases, 1);
    served.governor.release(held);
    assert.equal((await fetch(`${served.origin}/deny-asks/json`)).status, 200);
  },

  async 'with wait requests wait in their order, and those whose client leaves consume nothing'(t, serve) {
    const served = await serve(t, one);
    const held = fill(served);
    const waiting = async (count: number): Promise<void> => {
      while (served.governor.snapshot().waiting !== count) await settle(1);
    };
    const leaves = served.ask('/wait/json');
    await waiting(1);
    const first = answerTo(served.ask('/wait/later'));
    await waiting(2);
    const second = answerTo(served.ask('/wait/json'));
    await waiting(3);
    leaves.destroy();
    await waiting(2);
    served.governor.release(held);
    assert.equal(await text(await first), 'later');
    assert.match(await text(await second), /json/);
    await served.untilReleased(3);
    assert.deepEqual(outcomesOf(served).slice(1), ['success', 'success']);
    assert.equal(served.asked.length, 3);
  },

  async 'clients that leave before, during and after the answer'(t, serve) {
    const reached = gate();
    const served = await serve(t, {}, { reached: () => reached.open() });
    const before = served.ask('/now/held');
    await reached.promise;
    before.destroy();
    await served.untilReleased(1);
    const during = served.ask('/now/held');
    await once(await answerTo(during), 'data');
    assert.equal(served.governor.activeLeases, 1);
    during.destroy();
    await served.untilReleased(2);
    const after = served.ask('/now/json');
    await text(await answerTo(after));
    after.destroy();
    await served.untilReleased(3);
    assert.deepEqual(outcomesOf(served), ['cancelled', 'cancelled', 'success']);
    assert.equal(served.governor.activeLeases, 0);
  },

  async 'one connection with many requests, in a row and pipelined'(t, serve) {
    const warnings: Error[] = [];
    const warn = (warning: Error): number => warnings.push(warning);
    process.on('warning', warn);
    t.after(() => process.off('warning', warn));
    const served = await serve(t);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 30; i++) {
      const asked = request(`${served.origin}/now/json`, { agent }).end();
      await text(await answerTo(asked));
    }
    agent.destroy();
    const socket = connect(Number(new URL(served.origin).port), '127.0.0.1');
    socket.write(pipelined(...Array<string>(30).fill('/now/json')));
    let answered = '';
    for await (const part of socket) {
      answered += String(part);
      if (answered.split('HTTP/1.1 200').length > 30 && answered.endsWith('}')) break;
    }
    await served.untilReleased(60);
    assert.deepEqual(new Set(outcomesOf(served)), new Set(['success']));
    assert.equal(served.governor.activeLeases, 0);
    await settle();
    assert.deepEqual(warnings, []);
  },

  async 'a client that leaves while answers wait for their turn on its connection'(t, serve) {
    const reached = gate();
    let handlers = 0;
    const served = await serve(t, {}, { reached: () => void (++handlers === 3 && reached.open()) });
    const socket = connect(Number(new URL(served.origin).port), '127.0.0.1');
    socket.write(pipelined('/now/held', '/now/json', '/now/chunks'));
    await reached.promise;
    socket.destroy();
    await served.untilReleased(3);
    assert.ok(outcomesOf(served).includes('cancelled'));
    assert.equal(served.governor.activeLeases, 0);
  },

  async 'clients are told what is left as of the answer, and nothing later than Retry-After'(t, serve) {
    const clock = createTestClock(1_000_000);
    const limits = [
      { metric: 'requests', limit: 3, window: '1m' },
      { metric: 'requests', limit: 100, window: '1h' },
    ] as const;
    // A handler takes five seconds.
    const served = await serve(t, { clock, limits: [...limits] }, { reached: () => clock.advance(5_000) });
    const told: unknown[] = [];
    for (const path of ['json', 'moved', 'unchanged', 'json']) {
      const { status, headers } = await fetch(`${served.origin}/told/${path}`, { redirect: 'manual' });
      assert.equal(headers.get('ratelimit-policy'), '"requests/1m";q=3;w=60, "requests/1h";q=100;w=3600');
      told.push([status, headers.get('ratelimit'), headers.get('retry-after')]);
    }
    assert.deepEqual(told, [
      [200, '"requests/1m";r=2;t=55, "requests/1h";r=99;t=3595', null],
      [303, '"requests/1m";r=1;t=55, "requests/1h";r=98;t=3595', null],
      [304, '"requests/1m";r=0;t=45, "requests/1h";r=97;t=3595', null],
      [429, '"requests/1m";r=0;t=45, "requests/1h";r=97;t=45', '45'],
    ]);
    const silent = await fetch(`${served.origin}/now/json`);
    assert.deepEqual([silent.status, silent.headers.get('ratelimit')], [429, null], 'not unless asked for');
  },

  async 'slow readers hold their handler up, and their lease'(t, serve) {
    let produced = 0;
    const served = await serve(t, {}, { produced: () => void produced++ });
    const chunks = 1_000;
    const reads = await answerTo(served.ask(`/now/big?chunks=${chunks}`));
    assert.ok((await untilStill(() => produced)) < chunks, `${produced} chunks without a reader`);
    assert.equal(served.governor.activeLeases, 1);
    let bytes = 0;
    for await (const part of reads) bytes += (part as Uint8Array).length;
    assert.equal(bytes, chunks * BIG_CHUNK);
    await served.untilReleased(1);
    const leaves = await answerTo(served.ask(`/now/big?chunks=${chunks}`));
    await untilStill(() => produced);
    leaves.destroy();
    await served.untilReleased(2);
    assert.deepEqual(outcomesOf(served), ['success', 'cancelled']);
    assert.ok(produced < 2 * chunks);
  },

  async 'a stream longer than the time of its lease keeps it while bytes flow'(t, serve) {
    const clock = createTestClock();
    const config = { clock, leaseTtlMs: 1000, reaperIntervalMs: 100 };
    const gates = Array.from({ length: CHUNKS }, () => gate());
    let chunk = 0;
    const served = await serve(t, config, { pace: () => gates[++chunk]!.promise });
    const response = await answerTo(served.ask('/now/chunks'));
    for (let nth = 1; nth < CHUNKS; nth++) {
      await once(response, 'data');
      clock.advance(700);
      assert.equal(served.governor.activeLeases, 1, `held at ${nth * 700} ms`);
      gates[nth]!.open();
    }
    await text(response);
    await served.untilReleased(1);
    assert.deepEqual(outcomesOf(served), ['success']);
    assert.ok(served.released[0]!.report!.latencyMs! >= 700 * (CHUNKS - 1));
  },
};

for (const [name, make] of Object.entries(apps))
  for (const [about, run] of Object.entries(suite)) test(`${name}: ${about}`, (t) => run(t, serverOf(make)));
