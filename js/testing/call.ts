/** One admitted call: its time, its fault, its answer, whole or streamed. */
import { chunks, completion, drawAnswer, embeddings, type Answer } from './answers.ts';
import type { Exchange } from './exchange.ts';
import { drawFault, type Fault } from './faults.ts';
import { drawTimes, type CallTimes } from './latency.ts';
import type { Settings } from './options.ts';
import type { Random } from './random.ts';
import type { ParsedCall } from './requests.ts';
import type { Ending } from './stats.ts';
import { errorBody } from './wire.ts';

/** How a call ended and what it used. */
export interface CallResult {
  ending: Ending;
  tokens: number;
}

const SERVER_ERROR = errorBody(
  'The server had an error while processing your request. Sorry about that!',
  'server_error',
  null,
);
const UNAVAILABLE = errorBody('That model is currently overloaded with other requests.', 'server_error', null);

/** Serves one call from its admission to its last byte. `headers` are the rate limit headers. */
export async function serve(
  exchange: Exchange,
  call: ParsedCall,
  settings: Settings,
  random: Random,
  headers: Record<string, string>,
): Promise<CallResult> {
  const fault = drawFault(settings.faults, random);
  const times = drawTimes(settings.latency, random, fault === 'slow');
  const answer = drawAnswer(call, random, settings.clock.now());
  const cost = call.promptTokens + (call.kind === 'chat' ? answer.tokens.length : 0);
  if (await failBeforeBody(exchange, fault, times))
    return { ending: exchange.gone && fault === 'hang' ? 'abandoned' : 'failed', tokens: 0 };
  let tokens = cost;
  if (call.kind === 'embeddings') await whole(exchange, embeddings(call), 0, headers, fault);
  else if (call.stream) tokens = call.promptTokens + (await stream(exchange, answer, call, times, headers, fault));
  else await whole(exchange, completion(answer), times.perToken * answer.tokens.length, headers, fault);
  if (fault === 'dropMidBody') return { ending: 'failed', tokens };
  return { ending: exchange.gone ? 'abandoned' : 'done', tokens };
}

/** Waits until the first byte is due; true if there will be none of the answer. */
async function failBeforeBody(exchange: Exchange, fault: Fault | undefined, times: CallTimes): Promise<boolean> {
  await exchange.pause(fault === 'hang' ? Infinity : times.firstByte);
  if (fault === 'drop') await exchange.cut();
  else if (fault === 'serverError') await exchange.json(500, {}, SERVER_ERROR);
  else if (fault === 'unavailable') await exchange.json(503, {}, UNAVAILABLE);
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

/** Server-sent events: one chunk a token. Returns how many tokens left before the end, the cut, or the client's leaving. */
async function stream(
  exchange: Exchange,
  answer: Answer,
  call: ParsedCall,
  times: CallTimes,
  headers: Record<string, string>,
  fault?: Fault,
): Promise<number> {
  exchange.start(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache', ...headers });
  const last = fault === 'dropMidBody' ? Math.ceil(answer.tokens.length / 2) : Infinity;
  let events = 0;
  for (const chunk of chunks(answer, call.includeUsage)) {
    if (exchange.gone) break;
    if (events > last) {
      await exchange.cut();
      break;
    }
    await exchange.write(`data: ${JSON.stringify(chunk)}\n\n`);
    events++;
    if (events <= answer.tokens.length) await exchange.pause(times.perToken);
  }
  if (!exchange.gone && last === Infinity) await exchange.end('data: [DONE]\n\n');
  // The first event is the role; what follows the tokens is the reason of the end and the usage.
  return Math.min(Math.max(0, events - 1), answer.tokens.length);
}
