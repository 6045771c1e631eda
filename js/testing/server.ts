/** The mock provider: routes, the door, the answers, on a real socket. */
import type { createServer, IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Door } from './admission.ts';
import { modelList } from './answers.ts';
import { serve, type CallResult } from './call.ts';
import { Exchange } from './exchange.ts';
import { checkOptions, type MockProviderOptions, type Settings } from './options.ts';
import { CallRandom } from './random.ts';
import { parseChat, parseEmbeddings, type BadCall, type ParsedCall } from './requests.ts';
import { Counters, type MockProviderStats } from './stats.ts';
import { errorBody, rateHeaders, refusal } from './wire.ts';

/** A running provider. */
export interface MockProvider {
  /** `http://127.0.0.1:PORT/v1`, what an SDK takes as its base URL. */
  readonly baseURL: string;
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
        this.baseURL = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
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
    const route = `${request.method} ${request.url?.split('?')[0]}`;
    if (route === 'GET /v1/models') return exchange.json(200, {}, modelList(this.#settings.models));
    if (route !== 'POST /v1/chat/completions' && route !== 'POST /v1/embeddings') {
      return exchange.json(
        404,
        {},
        errorBody(`Unknown request URL: ${route}.`, 'invalid_request_error', 'unknown_url'),
      );
    }
    const body = await exchange.body();
    if (body === undefined)
      return exchange.json(413, {}, errorBody('The body is too long.', 'invalid_request_error', null));
    const call = this.#parse(route, body);
    if ('message' in call)
      return exchange.json(400, {}, errorBody(call.message, 'invalid_request_error', null, call.param));
    await this.#admit(exchange, call, body);
  }

  #parse(route: string, body: string): ParsedCall | BadCall {
    let parsed: unknown;
    try {
      parsed = JSON.parse(body);
    } catch {
      parsed = undefined;
    }
    if (typeof parsed !== 'object' || parsed === null) {
      return { message: 'We could not parse the JSON body of your request.', param: null };
    }
    const fields = parsed as Record<string, unknown>;
    return route.endsWith('embeddings') ? parseEmbeddings(fields) : parseChat(fields, this.#settings.defaultMaxTokens);
  }

  async #admit(exchange: Exchange, call: ParsedCall, body: string): Promise<void> {
    const { clock } = this.#settings;
    this.#counters.received(call.user);
    const admission = this.#door.enter(clock.now(), call.charge);
    const headers = rateHeaders(this.#door.gauges(clock.now()));
    if (!admission.admitted) {
      this.#counters.refused(call.user, admission.by);
      const refused = refusal(call.model, call.charge, admission);
      return exchange.json(429, { ...headers, ...refused.headers }, refused.body);
    }
    this.#counters.admitted(call.charge);
    let result: CallResult = { ending: 'failed', tokens: call.charge };
    try {
      result = await serve(exchange, call, this.#settings, this.#random.next(body), headers);
    } finally {
      this.#door.leave(clock.now(), call.charge, result.tokens);
      this.#counters.ended(call.user, result.ending, result.tokens);
    }
  }
}

/**
 * Starts an OpenAI-compatible provider on a free port of 127.0.0.1: chat completions (JSON and server-sent events),
 * embeddings and the list of models, with rate limits, a bound on concurrency, a latency model and faults.
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
