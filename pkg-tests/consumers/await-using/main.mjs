// As the platform itself understands it.
import { createGovernor } from 'throttleai';

const governor = createGovernor({ concurrency: { maxInFlight: 1 }, rate: { tokensPerMinute: 1000 } });
const request = { actorId: 'a', action: 'chat', estimate: { promptTokens: 400 } };

async function call() {
  await using lease = await governor.lease(request, { timeoutMs: 1000 });
  lease.use({ promptTokens: 10, outputTokens: 5 });
  return governor.activeLeases;
}

const held = await Promise.all([call(), call(), call()]);
console.log(`held ${held}, then ${governor.activeLeases}, ${governor.tokenRateCount} tokens`);
