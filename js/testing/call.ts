/** One admitted call: its time, its fault, its answer, whole or streamed. */
import { drawAnswer } from './answers.ts';
import type { Exchange } from './exchange.ts';
import { drawFault, type Fault } from './faults.ts';
import { drawTimes, type CallTimes } from './latency.ts';
import type { Format } from './formats.ts';
import type { Settings } from './options.ts';
import type { Random } from './random.ts';
import type { ParsedCall } from './requests.ts';
import type { Ending } from './stats.ts';

/** How a call ended and what it used. */
export interface CallResult {
  ending: Ending;
  tokens: number;
}

const SERVER_ERROR = 'The server had an error while processing your request. Sorry about that!';
const UNAVAILABLE = 'That model is currently overloaded with other requests.';

/** Serves one call from its admission to its last byte. `headers` are the rate limit headers. */
export async function serve(
  exchange: Exchange,
  format: Format,
  call: ParsedCall,
  settings: Settings,
  random: Random,
  headers: Record<string, string>,
): Promise<CallResult> {
  const fault = drawFault(settings.faults, random);
  const times = drawTimes(settings.latency, random, fault === 'slow');
  const answer = drawAnswer(call, random, settings.clock.now());
  const cost = call.promptTokens + (call.kind === 'chat' ? answer.tokens.length : 0);
  if (await failBeforeBody(exchange, format, fault, times))
    return { ending: exchange.gone && fault === 'hang' ? 'abandoned' : 'failed', tokens: 0 };
  let tokens = cost;
  const last = fault === 'dropMidBody' ? Math.ceil(answer.tokens.length / 2) : Infinity;
  if (call.stream)
    tokens = call.promptTokens + (await stream(exchange, format.stream(answer, call), times, headers, last));
  else {
    const ms = call.kind === 'chat' ? times.perToken * answer.tokens.length : 0;
    await whole(exchange, format.whole(answer), ms, headers, fault);
  }
  if (fault === 'dropMidBody') return { ending: 'failed', tokens };
  return { ending: exchange.gone ? 'abandoned' : 'done', tokens };
}

/** Waits until the first byte is due; true if there will be none of the answer. */
async function failBeforeBody(
  exchange: Exchange,
  format: Format,
  fault: Fault | undefined,
  times: CallTimes,
): Promise<boolean> {
  await exchange.pause(fault === 'hang' ? Infinity : times.firstByte);
  if (fault === 'drop') await exchange.cut();
  else if (fault === 'serverError') await exchange.json(500, {}, format.failure('broken', SERVER_ERROR));
  else if (fault === 'unavailable') await exchange.json(503, {}, format.failure('overloaded', UNAVAILABLE));
  else return fault === 'hang';
  return true;
}

async function whole(
  exchange: Exchange,
  body: unknown,
  ms: number,
  headers: Record<string, string>,
  fault?: Fault,
): Promise<void> {
  await exchange.pause(ms);
  if (fault !== 'dropMidBody') return exchange.json(200, headers, body);
  const text = JSON.stringify(body);
  exchange.start(200, {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(text)),
    ...headers,
  });
  await exchange.write(text.slice(0, text.length >> 1));
  await exchange.cut();
}

/** Server-sent events. Returns how many tokens left before the end, the cut, or the client's leaving. @param last token sent */
async function stream(
  exchange: Exchange,
  pieces: Iterable<readonly [piece: string, isToken: boolean]>,
  times: CallTimes,
  headers: Record<string, string>,
  last: number,
): Promise<number> {
  exchange.start(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', ...headers });
  let sent = 0;
  for (const [piece, isToken] of pieces) {
    if (isToken && sent === last) {
      await exchange.cut();
      return sent;
    }
    if (isToken) await exchange.pause(times.perToken);
    if (exchange.gone) return sent;
    if (isToken) sent++;
    await exchange.write(piece);
  }
  await exchange.end();
  return sent;
}
