// Module scope first: no timer, no randomness, a clock that stands at 0. Then everything inside a request.
import * as throttleai from 'throttleai';
import * as providers from 'throttleai/providers';
import { providersScenario, scenario } from '../scenario.mjs';

const governor = throttleai.createGovernor({ concurrency: { maxInFlight: 1 } });
const early = governor.acquire({ actorId: 'start-up', action: 'warm' });

export default {
  async fetch() {
    providersScenario(providers);
    const held = governor.activeLeases;
    governor.release(early.leaseId);
    const later = governor.acquire({ actorId: 'request', action: 'chat' });
    const scope = `module scope ${early.granted} ${held}, handler ${later.granted}`;
    governor.release(later.leaseId);
    return new Response(`${scope} | ${await scenario(throttleai)}`);
  },
};
