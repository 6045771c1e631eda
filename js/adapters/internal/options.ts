/**
 * Reads what the adapters are given, once, when a call, tool or middleware is wrapped: what is wrong is said there, not
 * at the first request. The ranges are those of the requests that the options end up in.
 */
import { newAsk, readFunction, readGovernor, readMs, readRequest, readWait } from '../../core/input.ts';
import { internalsOf } from '../../core/internals.ts';
import { refuseOthers } from '../../core/properties.ts';
import type { AcquireRequest, Priority, TokenEstimate, Wait } from '../../core/types.ts';
import type { AdapterGovernor, AdapterOptions, CallerOptions } from './types.ts';
import type { Silence } from './unread.ts';

/** How long, in ms, an answer may go unread before it gives up its lease. */
const IDLE_MS = 30_000;
/** How long, in ms, a provider may be silent. Source: undici, whose `headersTimeout` and `bodyTimeout` end a `fetch` then. */
const STALL_MS = 300_000;

/**
 * Checks what all adapters take, and that there is nothing else.
 *
 * @param functions names of the options that must be functions, if they are there
 * @param others names of the options that the adapter reads itself
 * @throws InputError naming the option, what was found and what is allowed
 */
export function checkOptions<O extends AdapterOptions>(
  options: O,
  functions: readonly (keyof O & string)[],
  others: readonly string[],
): void {
  readGovernor(options?.governor, 'options.governor');
  refuseOthers(options, 'options', ['governor', 'wait', ...functions, ...others]);
  readWait(options.wait);
  for (const name of functions) if (options[name] !== undefined) readFunction(options[name], `options.${name}`);
}

/** Longest id in UTF-8 bytes; objects of the user's have no such bound. */
export function idBytesOf(governor: AdapterGovernor): number {
  return internalsOf(governor)?.idBytes ?? Infinity;
}

/** Longest wait where waiting is the default, in ms: whoever asks behind an SDK is seldom there for longer. */
const WAIT_MS = 60_000;

/** Options of the adapters for SDKs beside those that describe a call. */
export const WAITING = ['wait', 'idleMs', 'stallMs'] as const;

/** The option `wait` of those adapters: `undefined` is not to wait. */
export function readWaiting({ wait }: { wait?: Wait | false | null | undefined }): Wait | undefined {
  return wait === false ? undefined : (wait ?? { timeoutMs: WAIT_MS });
}

/**
 * Checks the options of the adapters for SDKs: those that describe a call may be functions of it; the others are tried.
 *
 * @throws InputError naming the option, or the field of the request that it ends up in
 */
export function checkFixed(
  governor: AdapterGovernor,
  options: { wait?: Wait | false | null | undefined },
  names: readonly string[],
): void {
  readGovernor(governor, 'governor');
  refuseOthers(options, 'options', names);
  if (options.wait !== false) readWait(options.wait);
  const fixed = Object.entries(options).filter(([, value]) => typeof value !== 'function');
  const { actorId, priority, tenant, action, model, estimate } = Object.fromEntries(fixed) as CallerOptions & {
    action?: string;
    model?: string;
    estimate?: TokenEstimate;
  };
  const common = { model, estimate, ...(action !== undefined && { action }) };
  readCaller('interactive', { governor, actorId, priority, tenant }, common);
}

/** Who asks. */
interface Caller {
  readonly actorId: string;
  readonly priority: Priority;
  readonly tenant: string | undefined;
}

/**
 * Who asks, for the adapters that wrap a function. A trial tells what the governor would refuse every call for; it names
 * the fields of the request that the options end up in.
 *
 * @param urgency the priority of those who say nothing
 * @param common what else all requests have in common
 */
export function readCaller(
  urgency: Priority,
  { governor, actorId = 'default', priority = urgency, tenant }: AdapterOptions & CallerOptions,
  common: { action?: string; model?: string | undefined; estimate?: TokenEstimate | undefined },
): Caller {
  const caller = { actorId, priority, tenant };
  readRequest({ action: '', ...caller, ...common } as AcquireRequest, idBytesOf(governor), newAsk([]));
  return caller;
}

/** The option `idleMs` in ms. */
export function readIdle({ idleMs }: { idleMs?: number | undefined }): number {
  return readMs(idleMs, 'options.idleMs', { absent: IDLE_MS });
}

/** The options `idleMs` and `stallMs` in ms. */
export function readSilence(options: { idleMs?: number | undefined; stallMs?: number | undefined }): Required<Silence> {
  const stallMs = readMs(options.stallMs, 'options.stallMs', { absent: STALL_MS });
  return { idleMs: readIdle(options), stallMs };
}
