// One governor in one object: two requests see the same state, a third waits for what the second gives back.
import { createGovernor } from 'throttleai';

export class Gate {
  #governor = createGovernor({ concurrency: { maxInFlight: 1 } });

  async fetch(request) {
    const [, verb, leaseId] = new URL(request.url).pathname.split('/');
    if (verb === 'release') this.#governor.release(leaseId);
    else if (verb === 'wait') return json(await this.#governor.acquireAsync(asked, { timeoutMs: 10_000 }));
    else return json(this.#governor.acquire(asked));
    return json({ active: this.#governor.activeLeases });
  }
}

const asked = { actorId: 'object', action: 'chat' };
const json = (value) => new Response(JSON.stringify(value));

export default {
  async fetch(_request, env) {
    const gate = env.GATE.get(env.GATE.idFromName('gate'));
    const ask = async (path) => (await gate.fetch(`https://gate/${path}`)).json();
    const first = await ask('acquire');
    const second = await ask('acquire');
    const waiting = ask('wait');
    await ask(`release/${first.leaseId}`);
    const third = await waiting;
    const end = await ask(`release/${third.leaseId}`);
    return new Response(`granted ${first.granted}, ${second.reason}, woken ${third.granted}, active ${end.active}`);
  },
};
