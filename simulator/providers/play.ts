/** One run: callers without end, a governor that knows nothing of the provider but what its answers say, and the provider. */
import { createGovernor, type Governor } from 'throttleai';
import { readAnswer } from 'throttleai/providers';
import { between, type Random } from '../../js/testing/random.ts';
import { World } from '../../js/testing/simulator/world.ts';
import { ProviderServer, type Dialect, type Tokens } from './server.ts';

export interface Played {
  readonly sent: number;
  readonly refused: number;
  /** Of what the provider could have counted after the first minute. */
  readonly part: number;
}

const CALLERS = 200;
const MINUTES = 10;
const MINUTE_MS = 60_000;

export async function play(dialect: Dialect, start: 'probe' | 'optimistic', seed: number): Promise<Played> {
  const world = new World(seed, MINUTES * MINUTE_MS);
  const server = new ProviderServer(dialect);
  const governor = createGovernor({ clock: world.clock, seed, readAnswer, discovery: start });
  const counts = { sent: 0, refused: 0 };
  let counted = 0;
  world.after(MINUTE_MS, () => (counted = server.minutesCounted()));
  for (let caller = 0; caller < CALLERS; caller++) {
    const loop = call(world, server, governor, dialect.model, world.random(`caller ${caller}`), counts);
    loop.catch((error: unknown) => world.fail(error));
  }
  await world.run();
  const part = (server.minutesCounted() - counted) / (MINUTES - 1);
  governor.dispose();
  return { ...counts, part };
}

async function call(
  world: World,
  server: ProviderServer,
  governor: Governor,
  model: string,
  random: Random,
  counts: { sent: number; refused: number },
): Promise<never> {
  const pause = (low: number, high: number): Promise<void> =>
    new Promise((resolve) => world.after(between(random, low, high), resolve));
  for (;;) {
    const maxOutput = 1_000;
    const tokens: Tokens = { input: between(random, 200, 2_000), maxOutput, output: between(random, 100, maxOutput) };
    const estimate = { promptTokens: tokens.input, maxOutputTokens: maxOutput };
    const decision = await governor.acquireAsync({ actorId: 'caller', action: 'chat', model, estimate });
    if (!decision.granted) throw new Error(`a caller was denied: ${decision.recommendation}`);
    const { leaseId } = decision;
    counts.sent++;
    await pause(10, 80);
    const answer = server.ask(world.now(), tokens);
    await pause(20, 400);
    governor.observe(answer, { leaseId, model });
    if (answer.status !== 200) {
      counts.refused++;
      governor.release(leaseId, { outcome: 'error', usage: { promptTokens: 0, outputTokens: 0 } });
      continue;
    }
    await pause(500, 5_000);
    server.end(world.now(), tokens);
    governor.release(leaseId, { usage: { promptTokens: tokens.input, outputTokens: tokens.output } });
  }
}
