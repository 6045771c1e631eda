/** One run: a setting, a seed, and who decides. */
import { simulate, type Scheduler, type Surroundings } from 'throttleai/testing';
import type { Controller } from '../controllers/controller.ts';
import { clientOf, type Client, type Contender } from './contenders.ts';
import { Meter, WARM_UP_MS, type Measured } from './meter.ts';
import { oraclesOf } from './oracle.ts';
import type { Setting } from './scenario.ts';

/** Answers in time since the warm-up. */
export const goodOf = ({ seconds }: Pick<Measured, 'seconds'>): number => total(seconds.good, WARM_UP_MS);

/** Sum of the seconds from one instant to another. */
export function total(seconds: readonly number[], fromMs: number, toMs = Infinity): number {
  return seconds.slice(fromMs / 1000, toMs / 1000).reduce((sum, value) => sum + value, 0);
}

/** Each client of the setting has a controller of its own. */
export const run = (setting: Setting, seed: number, { client }: Contender): Promise<Measured> =>
  measured(setting, seed, (surroundings) => apart(setting.actors.map(({ id }) => [id, client(surroundings, setting.ceiling)]))); // prettier-ignore

/** Who knows the capacity decides for all clients. */
export async function runOracle(setting: Setting, seed: number): Promise<Measured> {
  let best: Measured | undefined;
  for (const make of oraclesOf(setting)) {
    const one = await runOf(setting, seed, make());
    if (best === undefined || goodOf(one) > goodOf(best)) best = one;
  }
  return best!;
}

const runOf = (setting: Setting, seed: number, controller: Controller): Promise<Measured> =>
  measured(setting, seed, (surroundings) => clientOf(controller, surroundings));

async function measured(
  setting: Setting,
  seed: number,
  make: (surroundings: Surroundings) => Client,
): Promise<Measured> {
  const meter = new Meter(setting);
  await simulate({
    seed,
    durationMs: setting.endMs,
    actors: setting.actors,
    server: meter.server,
    scheduler(surroundings) {
      const { scheduler, limit } = make(surroundings);
      return meter.scheduler(scheduler, surroundings, limit);
    },
  });
  return meter;
}

/** Clients that know nothing of each other. */
function apart(clients: readonly (readonly [string, Client])[]): Client {
  const [first] = clients;
  if (clients.length === 1) return first![1];
  const schedulers = new Map<string, Scheduler>(clients.map(([id, { scheduler }]) => [id, scheduler]));
  return {
    scheduler: {
      ask: (call, answer) => schedulers.get(call.actor.id)!.ask(call, answer),
      end: (call, end) => schedulers.get(call.actor.id)!.end(call, end),
      close: () => schedulers.forEach((scheduler) => scheduler.close?.()),
    },
    limit: () => clients.reduce((sum, [, { limit }]) => sum + limit(), 0),
  };
}
