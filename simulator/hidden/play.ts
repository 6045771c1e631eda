/** One run: a hidden limit, more demand than it bears, and who looks for it. */
import {
  flippingPoisson,
  lognormal,
  shed,
  simulate,
  type ServerMaker,
  type SimulatedActor,
  type Surroundings,
} from 'throttleai/testing';
import type { CreateGovernor } from '../native.ts';
import { hiddenOf, type Client, type Contender, type Estimate } from './contenders.ts';
import { amountOf, hiddenServer, MINUTE_MS, type HiddenLimit } from './provider.ts';

/** What is played: a limit, and the demand as a part of it. */
export interface Place {
  readonly hidden: HiddenLimit;
  readonly load: number;
}

/** What a run comes to. Minutes are counted from the first refusal: before it there is nothing to know. */
export interface Found {
  /** Refusals that came within two minutes after the first, and those of them whose calls were sent when it was known. */
  readonly refused: number;
  readonly knowing: number;
  /** After two minutes: what it is taken to hold over what it holds, less 1, and whether that is in the bounds (1) or not (0). */
  readonly error: number;
  readonly bounded: number;
  /** What was let in from minute 2 to 10 over what the limit comes to; the part of the calls that was refused. */
  readonly used: number;
  readonly share: number;
  readonly sent: number;
}

const [KNOWN_MS, END_MS] = [2 * MINUTE_MS, 10 * MINUTE_MS];
/** The first refusal comes within four minutes. */
const DURATION_MS = END_MS + 4 * MINUTE_MS;
const [SERVICE_MS, SIGMA, DWELL_MS] = [1000, 0.5, 5000];
const TOKENS = 1000;
/** Bounds that miss it by so little say what it is. */
const SLACK = 0.01;

function callers({ hidden: { metric, perMinute }, load }: Place): SimulatedActor {
  const rate = (load * perMinute) / 60 / (metric === 'tokens' ? TOKENS : 1);
  const tokens = lognormal(TOKENS, SIGMA);
  return {
    id: 'all',
    arrivals: flippingPoisson([rate / 2, rate * 1.5], DWELL_MS),
    service: lognormal(SERVICE_MS, SIGMA),
    ...(metric === 'tokens' ? { tokens: (random) => Math.max(1, Math.round(tokens(random))) } : {}),
    whenDenied: shed,
  };
}

/** A call, and when it was refused; Infinity: it was not. */
interface Sent {
  readonly sentAt: number;
  readonly amount: number;
  refusedAt: number;
}

/** The server, with what is sent to it written down. */
const watched =
  (hidden: HiddenLimit, calls: Sent[]): ServerMaker =>
  (surroundings) => {
    const inner = hiddenServer(hidden)(surroundings);
    const { now } = surroundings;
    return {
      start(call, end) {
        const sent = { sentAt: now(), amount: amountOf(hidden, call), refusedAt: Infinity };
        calls.push(sent);
        inner.start(call, (answer) => {
          if (answer.outcome === 'refused') sent.refusedAt = now();
          end(answer);
        });
      },
    };
  };

/** Writes an estimate down each second. */
function look(client: Client, surroundings: Surroundings, estimates: (Estimate | undefined)[]): void {
  if (client.estimate === undefined) return;
  estimates.push(client.estimate());
  surroundings.after(1000, () => look(client, surroundings, estimates));
}

export async function play(place: Place, seed: number, { client }: Contender): Promise<Found> {
  const { hidden } = place;
  const calls: Sent[] = [];
  const estimates: (Estimate | undefined)[] = [];
  await simulate({
    seed,
    durationMs: DURATION_MS,
    actors: [callers(place)],
    server: watched(hidden, calls),
    scheduler(surroundings) {
      const made = client(surroundings, hidden);
      look(made, surroundings, estimates);
      return made.scheduler;
    },
  });
  return foundOf(hidden, calls, estimates);
}

function foundOf(
  { perMinute }: HiddenLimit,
  calls: readonly Sent[],
  estimates: readonly (Estimate | undefined)[],
): Found {
  const refusals = calls.filter(({ refusedAt }) => refusedAt < Infinity);
  // Whoever is never refused is looked at from the beginning.
  const first = Math.min(DURATION_MS - END_MS, ...refusals.map(({ refusedAt }) => refusedAt));
  const next = refusals.filter(({ refusedAt }) => refusedAt > first && refusedAt <= first + KNOWN_MS);
  const late = calls.filter(({ sentAt }) => sentAt >= first + KNOWN_MS && sentAt < first + END_MS);
  const letIn = late.filter(({ refusedAt }) => refusedAt === Infinity);
  const amount = letIn.reduce((sum, sent) => sum + sent.amount, 0);
  const known = estimates[Math.ceil((first + KNOWN_MS) / 1000)];
  return {
    refused: next.length,
    knowing: next.filter(({ sentAt }) => sentAt >= first).length,
    error: known === undefined ? NaN : known.limit / perMinute - 1,
    bounded:
      known === undefined
        ? NaN
        : Number(known.bounds[0] * (1 - SLACK) <= perMinute && perMinute <= known.bounds[1] * (1 + SLACK)),
    used: amount / ((perMinute * (END_MS - KNOWN_MS)) / MINUTE_MS),
    share: 1 - letIn.length / late.length,
    sent: calls.length,
  };
}

/** What a run comes to with governors of one build: the same for each of them. */
export const playWith =
  (place: Place, seed: number) =>
  (create: CreateGovernor): Promise<Found> =>
    play(place, seed, hiddenOf(create));
