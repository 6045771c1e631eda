/**
 * What the documents say, written down as naively as possible: lists that are searched from end to end. Knows concurrency with
 * a reserve, two rolling windows, expiry and settlement; not fairness, not adaptation, not the queue.
 */

export interface ModelConfig {
  max: number;
  reserve: number;
  requests: number;
  tokens: number;
  windowMs: number;
  ttlMs: number;
}

export interface ModelRequest {
  weight: number;
  tokens: number;
  background: boolean;
}

interface Charge {
  at: number;
  tokens: number;
}

interface Lease {
  id: string;
  weight: number;
  expiresAt: number;
  charge: Charge;
  prompt: number;
  output: number;
}

/** Sums in millionths, as weights are counted, so that 0.1 + 0.2 is 0.3. */
const millionths = (weight: number): number => Math.round(weight * 1e6);

export class Model {
  held: Lease[] = [];
  expired: Lease[] = [];
  charges: Charge[] = [];
  readonly config: ModelConfig;

  constructor(config: ModelConfig) {
    this.config = config;
  }

  weightAt(at: number): number {
    return (
      this.held.filter((lease) => lease.expiresAt > at).reduce((sum, lease) => sum + millionths(lease.weight), 0) / 1e6
    );
  }

  window(at: number): { requests: number; tokens: number } {
    const counted = this.charges.filter((charge) => charge.at > at - this.config.windowMs);
    return { requests: counted.length, tokens: counted.reduce((sum, charge) => sum + charge.tokens, 0) };
  }

  /** The documented reason and which limit, or undefined: it fits at that instant, if nothing else happens. */
  refusal(request: ModelRequest, at: number): 'concurrency' | 'requests' | 'tokens' | undefined {
    const { max, reserve } = this.config;
    const [weight, active] = [millionths(request.weight), millionths(this.weightAt(at))];
    const cap = millionths(request.background ? max - reserve : max);
    const floor = request.background ? Math.min(millionths(reserve), millionths(max) - 1e6) : 0;
    const idle = active === 0 && weight <= cap;
    if (!idle && (weight > cap || millionths(max) - active - weight < floor)) return 'concurrency';
    const { requests, tokens } = this.window(at);
    if (requests + 1 > this.config.requests) return 'requests';
    return tokens + request.tokens > this.config.tokens ? 'tokens' : undefined;
  }

  sweep(now: number): Lease[] {
    const over = this.held.filter((lease) => lease.expiresAt <= now);
    this.held = this.held.filter((lease) => lease.expiresAt > now);
    this.expired.push(...over);
    return over;
  }

  grant(id: string, request: ModelRequest, prompt: number, output: number, now: number): void {
    const charge = { at: now, tokens: request.tokens };
    this.charges = [...this.charges.filter(({ at }) => at > now - this.config.windowMs), charge];
    this.expired = this.expired.filter((lease) => lease.charge.at > now - this.config.windowMs);
    this.held.push({ id, weight: request.weight, expiresAt: now + this.config.ttlMs, charge, prompt, output });
  }

  /** @returns whether the lease was held */
  release(id: string, usage: { promptTokens?: number; outputTokens?: number }): boolean {
    const live = this.held.find((lease) => lease.id === id);
    const lease = live ?? this.expired.find((lease) => lease.id === id);
    if (lease === undefined) return false;
    lease.charge.tokens = (usage.promptTokens ?? lease.prompt) + (usage.outputTokens ?? lease.output);
    this.held = this.held.filter((other) => other !== lease);
    this.expired = this.expired.filter((other) => other !== lease);
    return live !== undefined;
  }

  renew(id: string, ttlMs: number, now: number): boolean {
    const lease = this.held.find((lease) => lease.id === id);
    if (lease !== undefined) lease.expiresAt = now + ttlMs;
    return lease !== undefined;
  }
}
