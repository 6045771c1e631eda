// Many requests wait at one governor: at module scope, where each has timers of its own that end with it, or in an object.
import { createGovernor } from 'throttleai';

const SLOTS = 3;
const asked = { actorId: 'request', action: 'chat' };

class Calls {
  #slots = createGovernor({ concurrency: { maxInFlight: SLOTS } });
  #windows = createGovernor({ rate: { requestsPerMinute: 4, windowMs: 200 } });
  #running = 0;
  #most = 0;

  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    const wait = { timeoutMs: Number(searchParams.get('timeoutMs')) };
    const [verb, leaseId] = pathname.split('/').slice(2);
    return new Response(JSON.stringify(await this[verb](wait, leaseId)));
  }

  /** Runs for some turns of the loop in one of the slots. */
  async call(wait) {
    const decision = await this.#slots.acquireAsync(asked, wait);
    if (!decision.granted) return decision.cause;
    this.#most = Math.max(this.#most, ++this.#running);
    await new Promise((resolve) => setTimeout(resolve, 5));
    this.#running--;
    this.#slots.release(decision.leaseId);
    return 'granted';
  }

  async window(wait) {
    const decision = await this.#windows.acquireAsync(asked, wait);
    return decision.granted ? 'granted' : decision.cause;
  }

  hold() {
    return this.#slots.acquire(asked).leaseId;
  }

  release(_wait, leaseId) {
    this.#slots.release(leaseId);
  }

  state() {
    return { most: this.#most, left: this.#slots.activeLeases, waiting: this.#windows.snapshot().waiting };
  }
}

const calls = new Calls();

export class Gate {
  #calls = new Calls();

  fetch(request) {
    return this.#calls.fetch(request);
  }
}

export default {
  fetch(request, env) {
    if (new URL(request.url).pathname.startsWith('/module/')) return calls.fetch(request);
    return env.GATE.get(env.GATE.idFromName('gate')).fetch(request);
  },
};
