/**
 * Every ending of a call, of every format, whole and streamed, through real sockets: the lease ends with it, once, with the right
 * outcome and with the usage that was told until then. Each ending is an event; none is waited for by the clock.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type ServerResponse } from 'node:http';
import { test, type TestContext } from 'node:test';
import { createTestClock, type LeaseOutcome, type TestClock } from 'throttleai';
import { governedFetch } from 'throttleai/adapters/fetch';
import { collectUntil, gate, listen, notedGovernor, settle, type Noted } from './support.ts';
import { wires, type Wire } from './wires.ts';

/** A call of one format to a provider that sends `first`, waits for `rest`, and sends the rest. */
interface Scene {
  readonly clock: TestClock;
  readonly noted: Noted;
  readonly abort: AbortController;
  readonly origin: string;
  readonly t: TestContext;
  readonly first: Buffer;
  /** The request has come. */
  readonly arrived: Promise<void>;
  /** Lets the provider answer at all. Without it there are not even headers. */
  readonly answer: () => void;
  /** Lets the provider send the rest. */
  readonly rest: () => void;
  /** Cuts the provider's connection. */
  readonly cut: () => void;
  send(init?: RequestInit, path?: string): Promise<Response>;
}

type Said = 'whole' | 'partial' | 'nothing';
type Ending = (scene: Scene) => Promise<[outcome: LeaseOutcome, usage: Said]>;

/** Reads what the provider sends first. */
async function begin(scene: Scene): Promise<ReadableStreamDefaultReader<Uint8Array>> {
  scene.answer();
  const reader = (await scene.send()).body!.getReader();
  for (let bytes = 0; bytes < scene.first.length;) bytes += (await reader.read()).value!.byteLength;
  return reader;
}

async function aborted(scene: Scene, reason?: unknown): Promise<void> {
  const reader = await begin(scene);
  const pending = reader.read();
  scene.abort.abort(reason);
  await assert.rejects(pending, (error) => error === scene.abort.signal.reason);
}

const endings: Readonly<Record<string, Ending>> = {
  'read to its end': async ({ send, answer, rest }) => {
    answer();
    rest();
    await (await send()).arrayBuffer();
    return ['success', 'whole'];
  },
  'cut by the provider': async (scene) => {
    const reader = await begin(scene);
    scene.cut();
    await assert.rejects(reader.read());
    return ['error', 'partial'];
  },
  'cut before its headers': async ({ send, arrived, cut }) => {
    const call = send();
    await arrived;
    cut();
    await assert.rejects(call);
    return ['error', 'nothing'];
  },
  'cancelled by its reader': async (scene) => {
    await (await begin(scene)).cancel();
    return ['cancelled', 'partial'];
  },
  'aborted before its headers': async ({ send, arrived, abort }) => {
    const call = send();
    await arrived;
    abort.abort();
    await assert.rejects(call, (error) => error === abort.signal.reason);
    return ['cancelled', 'nothing'];
  },
  'aborted in its middle': async (scene) => {
    await aborted(scene);
    return ['cancelled', 'partial'];
  },
  'timed out': async (scene) => {
    await aborted(scene, new DOMException('too slow', 'TimeoutError'));
    return ['timeout', 'partial'];
  },
  'left by the client it is passed on to': async (scene) => {
    const passing = await listen(scene.t, async (_req, res) => {
      res.on('close', () => scene.abort.abort());
      scene.answer();
      const response = await scene.send();
      try {
        for await (const piece of response.body!) res.write(piece);
      } catch {
        // Its client is gone.
      }
    });
    const request = get(passing).on('error', () => {});
    const [response] = (await once(request, 'response')) as [AsyncIterable<Buffer>];
    let bytes = 0;
    for await (const piece of response) if ((bytes += piece.length) >= scene.first.length) break;
    request.destroy();
    return ['cancelled', 'partial'];
  },
  'stalled by the provider': async (scene) => {
    const pending = (await begin(scene)).read();
    await settle();
    for (let second = 0; second < 300; second++) scene.clock.advance(1000);
    await scene.noted.untilReleased(1);
    scene.rest();
    assert.equal((await pending).done, false, 'it can still be read');
    return ['timeout', 'partial'];
  },
  'left unread': async ({ send, answer, rest, clock }) => {
    answer();
    rest();
    const response = await send();
    if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) return ['success', 'whole'];
    clock.advance(30_000);
    return ['timeout', 'nothing'];
  },
  'collected as garbage': async ({ send, answer, rest, noted }) => {
    answer();
    rest();
    const drop = async (): Promise<string | null> => (await send()).headers.get('content-type');
    const type = await drop();
    await collectUntil(() => noted.released.length > 0);
    return type?.startsWith('text/event-stream') === true ? ['cancelled', 'nothing'] : ['success', 'whole'];
  },
  'without a body': async ({ send }) => {
    assert.equal((await send({}, '/empty')).status, 204);
    return ['success', 'nothing'];
  },
  'the answer to HEAD': async ({ send, answer }) => {
    answer();
    assert.equal((await send({ method: 'HEAD' })).body, null);
    return ['success', 'nothing'];
  },
  redirected: async ({ send, answer, rest }) => {
    answer();
    rest();
    const response = await send({}, '/moved');
    assert.equal(response.redirected, true);
    await response.arrayBuffer();
    return ['success', 'whole'];
  },
};

/** What the provider sends, and what its first part says of usage. */
interface Body {
  readonly type: string;
  readonly first: Buffer;
  readonly rest: Buffer;
  readonly partial: object | undefined;
}

function bodyOf(wire: Wire, streamed: boolean): Body {
  if (!streamed) {
    const all = Buffer.from(JSON.stringify(wire.json));
    const half = all.length >> 1;
    return { type: 'application/json', first: all.subarray(0, half), rest: all.subarray(half), partial: undefined };
  }
  const [count, partial] = Object.entries(wire.partial).at(-1)!;
  const events = wire.events!.map((event) => Buffer.from(event));
  const [first, rest] = [events.slice(0, Number(count)), events.slice(Number(count))].map((some) =>
    Buffer.concat(some),
  );
  return { type: wire.streamType, first: first!, rest: rest!, partial };
}

async function sceneOf(t: TestContext, wire: Wire, { type, first, rest }: Body): Promise<Scene> {
  const clock = createTestClock();
  const noted = notedGovernor(t, { clock });
  const [arrived, answer, more] = [gate(), gate(), gate()];
  let provider: ServerResponse | undefined;
  const origin = await listen(t, async (req, res) => {
    provider = res;
    arrived.open();
    if (req.url === '/empty') return void res.writeHead(204).end();
    if (req.url === '/moved') return void res.writeHead(307, { location: wire.path }).end();
    await answer.promise;
    res.writeHead(200, { 'content-type': type });
    if (req.method === 'HEAD') return void res.end();
    res.write(first);
    await more.promise;
    res.end(rest);
  });
  const abort = new AbortController();
  const governed = governedFetch(noted.governor);
  return {
    ...{ clock, noted, abort, origin, t, first },
    ...{ arrived: arrived.promise, answer: () => answer.open(), rest: () => more.open() },
    cut: () => provider!.destroy(),
    send: (init, path = wire.path) =>
      governed(origin + path, {
        method: 'POST',
        body: JSON.stringify(wire.request),
        signal: abort.signal,
        ...bodiless(init),
      }),
  };
}

/** HEAD has no body. */
const bodiless = (init: RequestInit = {}): RequestInit => (init.method === 'HEAD' ? { ...init, body: null } : init);

for (const wire of wires) {
  for (const streamed of wire.events ? [false, true] : [false]) {
    const body = bodyOf(wire, streamed);
    for (const [how, ending] of Object.entries(endings)) {
      test(`${wire.name}, ${streamed ? 'streamed' : 'whole'}: ${how}`, async (t) => {
        const scene = await sceneOf(t, wire, body);
        const [outcome, said] = await ending(scene);
        const [release] = await scene.noted.untilReleased(1);
        const usage = { whole: wire.usage, partial: body.partial, nothing: undefined }[said];
        assert.deepEqual([release?.report?.outcome, release?.report?.usage], [outcome, usage]);
        scene.answer();
        scene.rest();
        await settle();
        assert.deepEqual([scene.noted.governor.activeLeases, scene.noted.released.length], [0, 1]);
      });
    }
  }
}
