// Many requests at once wait at one governor: at module scope, or in an object that all of them share.
import { createGovernor } from 'throttleai';

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const json = (value) => new Response(JSON.stringify(value));

class Calls {
  #governor = createGovernor({ concurrency: { maxInFlight: 3 } });
  #running = 0;
  #most = 0;

  async answer(url) {
    const { pathname, searchParams } = new URL(url);
    if (pathname.endsWith('/state')) {
      const { activeLeases } = this.#governor;
      return json({ activeLeases, most: this.#most });
    }
    const asked = { actorId: 'request', action: 'chat' };
    const decision = await this.#governor.acquireAsync(asked, { timeoutMs: Number(searchParams.get('timeout')) });
    if (!decision.granted) return json(decision.cause);
    this.#most = Math.max(this.#most, ++this.#running);
    await sleep(Number(searchParams.get('work')));
    this.#running--;
    this.#governor.release(decision.leaseId);
    return json('granted');
  }
}

const calls = new Calls();

export class Gate {
  #calls = new Calls();

  fetch(request) {
    return this.#calls.answer(request.url);
  }
}

export default {
  fetch(request, env) {
    if (!new URL(request.url).pathname.startsWith('/object/')) return calls.answer(request.url);
    return env.GATE.get(env.GATE.idFromName('gate')).fetch(request);
  },
};
