/** The mock provider: routes, the door, the answers, on a real socket. */
import type { createServer, IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Door } from './admission.ts';
import { modelList } from './answers.ts';
import { serve, type CallResult } from './call.ts';
import { Exchange } from './exchange.ts';
import { formatOf, type Format } from './formats.ts';
import { openai } from './openai.ts';
import { checkOptions, type MockProviderOptions, type Settings } from './options.ts';
import { CallRandom } from './random.ts';
import type { BadCall, ParsedCall } from './requests.ts';
import { Counters, type MockProviderStats } from './stats.ts';

/** A running provider. */
export interface MockProvider {
  /** `http://127.0.0.1:PORT/v1`, what the `openai` SDK takes as its base URL. */
  readonly baseURL: string;
  /** `http://127.0.0.1:PORT`, what the SDKs of Anthropic, Google, Groq and Mistral take. */
  readonly origin: string;
  /** What happened so far; a plain copy. */
  stats(): MockProviderStats;
  /** Cuts every connection and resolves when the port is free. Idempotent. */
  close(): Promise<void>;
}

class Provider implements MockProvider {
  readonly #settings: Settings;
  readonly #door: Door;
  readonly #random: CallRandom;
  readonly #counters = new Counters();
  readonly #server: Server;
  #closed: Promise<void> | undefined;
  baseURL = '';
  origin = '';

  constructor(settings: Settings, create: typeof createServer) {
    this.#settings = settings;
    this.#door = new Door(settings.limits, Math.max(1, settings.latency.medianMs), settings.clock.now());
    this.#random = new CallRandom(settings.seed);
    this.#server = create((request, response) => void this.#answer(request, response));
  }

  listen(): Promise<this> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(0, '127.0.0.1', () => {
        this.origin = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
        this.baseURL = `${this.origin}/v1`;
        resolve(this);
      });
    });
  }

  stats(): MockProviderStats {
    return this.#counters.view();
  }

  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
    return this.#closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = new Exchange(request, response, this.#settings.clock);
    const [path = ''] = (request.url ?? '').split('?');
    const route = `${request.method} ${path}`;
    if (route === 'GET /v1/models') return exchange.json(200, {}, modelList(this.#settings.models));
    const format = request.method === 'POST' ? formatOf(path) : undefined;
    if (format === undefined)
      return exchange.json(404, {}, openai.failure('not-found', `Unknown request URL: ${route}.`));
    const body = await exchange.body();
    if (body === undefined) return exchange.json(413, {}, format.failure('too-long', 'The body is too long.'));
    const call = this.#parse(format, path, body);
    if ('message' in call) return exchange.json(400, {}, format.failure('invalid', call.message, call.param));
    await this.#admit(exchange, format, call, body);
  }

  #parse(format: Format, path: string, body: string): ParsedCall | BadCall {
    let parsed: unknown;
    try {
      parsed = JSON.parse(body);
    } catch {
      parsed = undefined;
    }
    if (typeof parsed !== 'object' || parsed === null)
      return { message: 'We could not parse the JSON body of your request.', param: null };
    return format.parse(parsed as Record<string, unknown>, this.#settings.defaultMaxTokens, path);
  }

  async #admit(exchange: Exchange, format: Format, call: ParsedCall, body: string): Promise<void> {
    const { clock } = this.#settings;
    this.#counters.received(call.user);
    const admission = this.#door.enter(clock.now(), call.charge);
    const headers = format.limits(this.#door.gauges(clock.now()), clock.now());
    if (!admission.admitted) {
      this.#counters.refused(call.user, admission.by);
      const refused = format.refusal(call, admission);
      return exchange.json(429, { ...headers, ...refused.headers }, refused.body);
    }
    this.#counters.admitted(call.charge);
    let result: CallResult = { ending: 'failed', tokens: call.charge };
    try {
      result = await serve(exchange, format, call, this.#settings, this.#random.next(body), headers);
    } finally {
      this.#door.leave(clock.now(), call.charge, result.tokens);
      this.#counters.ended(call.user, result.ending, result.tokens);
    }
  }
}

/**
 * Starts a provider on a free port of 127.0.0.1 that speaks like OpenAI (chat completions, embeddings, the list of models), like
 * Anthropic (messages) and like Gemini (`generateContent`, `streamGenerateContent`), whole and streamed, with one set of rate
 * limits, a bound on concurrency, a latency model and faults.
 *
 * @throws ConfigError (as a rejection) if an option is out of range, or does not exist
 * @example
 * const provider = await createMockProvider({ limits: { requestsPerMinute: 60 }, latency: { medianMs: 200 } });
 * const openai = new OpenAI({ apiKey: 'mock', baseURL: provider.baseURL });
 * await openai.chat.completions.create({ model: 'mock-small', messages: [{ role: 'user', content: 'Hello' }] });
 * console.log(provider.stats().done); // 1
 * await provider.close();
 */
export async function createMockProvider(options: MockProviderOptions = {}): Promise<MockProvider> {
  const settings = checkOptions(options);
  // Loaded here, because the rest of this entry runs where there is no Node.
  const { createServer } = await import('node:http');
  return new Provider(settings, createServer).listen();
}
