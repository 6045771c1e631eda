/**
 * Providers that count tokens and say so, as documented: buckets that fill evenly, a reservation when a call comes (what it
 * estimates and the most that it may answer), and headers that are written in the provider's own way.
 */

/** What one call asks for, and what it will have used. */
export interface Tokens {
  readonly input: number;
  readonly maxOutput: number;
  readonly output: number;
}

/** A bucket of the provider's. */
class Bucket {
  readonly perMinute: number;
  #used = 0;
  #at = 0;
  /** All that was ever counted. */
  counted = 0;

  constructor(perMinute: number) {
    this.perMinute = perMinute;
  }

  at(now: number): this {
    this.#used = Math.max(this.#used - ((now - this.#at) * this.perMinute) / 60_000, 0);
    this.#at = now;
    return this;
  }

  get left(): number {
    return Math.max(this.perMinute - this.#used, 0);
  }

  /** Until it is full, in ms. */
  get fullInMs(): number {
    return (this.#used / this.perMinute) * 60_000;
  }

  /** Until there is so much, in ms. */
  freeInMs(amount: number): number {
    return Math.max(((amount - this.left) / this.perMinute) * 60_000, 0);
  }

  take(amount: number): void {
    this.#used += amount;
    this.counted += amount;
  }

  giveBack(amount: number): void {
    const back = Math.min(amount, this.#used);
    this.#used -= back;
    this.counted -= back;
  }
}

/** An answer as it goes out. */
export interface Answered {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly url: string;
  readonly body: unknown;
}

/** What a provider counts, by the name of each bucket, and how it writes that. */
export interface Dialect {
  readonly name: string;
  readonly about: string;
  readonly url: string;
  readonly model: string;
  readonly limits: Readonly<Record<string, number>>;
  /** What a call takes of each. */
  readonly reserves: (tokens: Tokens) => Readonly<Record<string, number>>;
  /** What comes back of each at its end. */
  readonly refunds: (tokens: Tokens) => Readonly<Record<string, number>>;
  readonly headers: (name: string, limit: number, left: number, fullInMs: number, now: number) => [string, string][];
  readonly refusal: (afterMs: number) => Pick<Answered, 'headers' | 'body'>;
}

export class ProviderServer {
  readonly #dialect: Dialect;
  readonly #buckets: ReadonlyMap<string, Bucket>;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
    this.#buckets = new Map(Object.entries(dialect.limits).map(([name, limit]) => [name, new Bucket(limit)]));
  }

  ask(now: number, tokens: Tokens): Answered {
    const { url, reserves, refusal, headers } = this.#dialect;
    const wanted = Object.entries(reserves(tokens)).map(([name, amount]) => ({
      bucket: this.#buckets.get(name)!.at(now),
      amount,
    }));
    const afterMs = Math.max(...wanted.map(({ bucket, amount }) => bucket.freeInMs(amount)));
    if (afterMs > 0) return { status: 429, url, ...refusal(afterMs) };
    wanted.forEach(({ bucket, amount }) => bucket.take(amount));
    const told = [...this.#buckets].flatMap(([name, { perMinute, left, fullInMs }]) =>
      headers(name, perMinute, left, fullInMs, now),
    );
    return { status: 200, url, headers: Object.fromEntries(told), body: undefined };
  }

  end(now: number, tokens: Tokens): void {
    for (const [name, amount] of Object.entries(this.#dialect.refunds(tokens)))
      this.#buckets.get(name)!.at(now).giveBack(amount);
  }

  /** Of the limit of tokens that is used most, all that was counted so far in minutes of it. */
  minutesCounted(): number {
    const tokens = [...this.#buckets].filter(([name]) => name.includes('tokens'));
    return Math.max(...tokens.map(([, { counted, perMinute }]) => counted / perMinute));
  }
}

const rounded = (amount: number, to: number): string => String(Math.round(amount / to) * to);

/** Go's way: `1.5s`, `12ms`. */
const duration = (ms: number): string => (ms < 1000 ? `${Math.ceil(ms)}ms` : `${(Math.ceil(ms) / 1000).toFixed(3)}s`);

export const DIALECTS: readonly Dialect[] = [
  {
    name: 'anthropic',
    about: 'input and output tokens apart, told rounded to a thousand, corrected to what a call has used when it ends',
    url: 'https://api.anthropic.com/v1/messages',
    model: 'claude-sonnet-4-5',
    limits: { requests: 1_000, 'input-tokens': 400_000, 'output-tokens': 80_000 },
    reserves: ({ input, maxOutput }) => ({ requests: 1, 'input-tokens': input, 'output-tokens': maxOutput }),
    refunds: ({ maxOutput, output }) => ({ 'output-tokens': maxOutput - output }),
    headers(name, limit, left, fullInMs, now) {
      const resets = new Date(Math.ceil((now + fullInMs) / 1000) * 1000).toISOString().replace('.000', '');
      const remaining = name === 'requests' ? String(Math.floor(left)) : rounded(left, 1000);
      const head = `anthropic-ratelimit-${name}`;
      return [
        [`${head}-limit`, String(limit)],
        [`${head}-remaining`, remaining],
        [`${head}-reset`, resets],
      ];
    },
    refusal: (afterMs) => ({
      headers: { 'retry-after': String(Math.ceil(afterMs / 1000)) },
      body: {
        type: 'error',
        error: { type: 'rate_limit_error', message: 'This request would exceed your rate limit' },
      },
    }),
  },
  {
    name: 'openai',
    about: 'tokens of prompt and answer together, reserved for the longest answer and not given back',
    url: 'https://api.openai.com/v1/chat/completions',
    model: 'gpt-4o',
    limits: { requests: 1_000, tokens: 300_000 },
    reserves: ({ input, maxOutput }) => ({ requests: 1, tokens: input + maxOutput }),
    refunds: () => ({}),
    headers: (name, limit, left, fullInMs) => [
      [`x-ratelimit-limit-${name}`, String(limit)],
      [`x-ratelimit-remaining-${name}`, String(Math.floor(left))],
      [`x-ratelimit-reset-${name}`, duration(fullInMs)],
    ],
    refusal: (afterMs) => ({
      headers: { 'retry-after-ms': String(Math.ceil(afterMs)) },
      body: { error: { code: 'rate_limit_exceeded', type: 'tokens', message: 'Rate limit reached' } },
    }),
  },
];
