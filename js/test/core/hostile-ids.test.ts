/** Ids that somebody makes up, by the million: memory stays bounded on both sides, and nobody is locked out. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';

interface Outcome {
  heapMiB: number;
  wasmMiB: number;
  actors: number;
  keys: number;
  granted: boolean;
  leases: number;
}

/** A storm of calls in a process of its own, whose memory can be measured. */
function storm(config: object, body: string): Outcome {
  const code = `import { createGovernor } from 'throttleai';
    let memory;
    const original = WebAssembly.Instance;
    WebAssembly.Instance = class extends original { constructor(...args) { super(...args); memory = this.exports.memory; } };
    const governor = createGovernor(${JSON.stringify(config)});
    const pad = 'x'.repeat(400);
    gc();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 1_000_000; i++) { ${body} }
    gc();
    const { activeLeases, actors, keys } = governor.snapshot();
    const honest = governor.acquire({ actorId: 'honest', action: 'chat' });
    console.log(JSON.stringify({ heapMiB: (process.memoryUsage().heapUsed - before) / 2 ** 20, wasmMiB: memory.buffer.byteLength / 2 ** 20,
      actors, keys, granted: honest.granted, leases: activeLeases }));`;
  return JSON.parse(
    execFileSync(process.execPath, ['--expose-gc', '--input-type=module', '-e', code], {
      encoding: 'utf8',
      timeout: 120_000,
    }),
  ) as Outcome;
}

const fair = { concurrency: { maxInFlight: 5 }, fairness: true };

test('a million actors that come and go', () => {
  const outcome = storm(
    { ...fair, caps: { actors: 1000 } },
    `
    const decision = governor.acquire({ actorId: pad + i, action: pad + i, idempotencyKey: pad + i });
    governor.release(decision.leaseId);`,
  );
  assert.ok(outcome.granted && outcome.leases === 0, JSON.stringify(outcome));
  assert.ok(outcome.actors <= 1000 && outcome.heapMiB < 4 && outcome.wasmMiB < 4, JSON.stringify(outcome));
});

test('a million actors that are refused leave nothing', () => {
  const outcome = storm(
    { ...fair, leaseTtlMs: 1e9 },
    `
    governor.acquire({ actorId: pad + i, action: pad + i, idempotencyKey: pad + i });
    if (i === 5) governor.dispose();`,
  );
  assert.ok(outcome.leases === 5 && outcome.actors <= 5, JSON.stringify(outcome));
  assert.ok(outcome.heapMiB < 2 && outcome.wasmMiB < 4, JSON.stringify(outcome));
});

test('a million actors that hold their leases, up to the caps', () => {
  const outcome = storm(
    { concurrency: { maxInFlight: 1e6 }, fairness: true, caps: { actors: 2000, leases: 5000 } },
    `
    governor.acquire({ actorId: pad + i, action: 'x' });`,
  );
  assert.ok(outcome.leases === 5000 && outcome.actors <= 2000, JSON.stringify(outcome));
  // 5000 rows of 400 characters each in the table of leases.
  assert.ok(outcome.heapMiB < 12 && outcome.wasmMiB < 8, JSON.stringify(outcome));
});

const keyed = {
  limits: [
    { metric: 'requests', limit: 2e6, window: '1h', per: 'tenant' },
    { metric: 'requests', limit: 1, window: '1h', per: ['actor', 'model'] },
  ],
};

test('a million keys that are counted, up to the cap', () => {
  const outcome = storm(
    { ...keyed, caps: { keys: 1000 } },
    `
    const decision = governor.acquire({ actorId: pad + i, tenant: pad + i % 7, model: pad + i % 3, action: 'x' });
    if (decision.granted) governor.release(decision.leaseId);
    if (i === 990 && !decision.granted) throw new Error(decision.recommendation);`,
  );
  // Who came after the cap shares one call an hour.
  assert.ok(!outcome.granted && outcome.leases === 0, JSON.stringify(outcome));
  assert.ok(outcome.keys <= 1000 && outcome.heapMiB < 6 && outcome.wasmMiB < 4, JSON.stringify(outcome));
});

test('a million keys whose calls are denied leave nothing', () => {
  const outcome = storm(
    { ...keyed, rate: { requestsPerMinute: 1, windowMs: 1e9 } },
    `
    governor.acquire({ actorId: pad + i, tenant: pad + i, model: pad + (i % 1500), action: pad + i });
    if (i === 5) governor.dispose();`,
  );
  assert.ok(outcome.leases === 1 && outcome.keys === 2, JSON.stringify(outcome));
  // The names of models of late are remembered, some two thousand.
  assert.ok(outcome.heapMiB < 4 && outcome.wasmMiB < 4, JSON.stringify(outcome));
});
