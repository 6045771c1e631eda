/** The decision vectors of `vectors/`, which the core answers natively in its own tests, answered by the built package. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  createGovernor,
  createTestClock,
  type AcquireRequest,
  type GovernorConfig,
  type ReleaseReport,
} from 'throttleai';

interface Expected {
  granted?: boolean;
  expiresAt?: number;
  used?: number;
  limit?: number;
  activeLeases?: number;
  tokenRateCount?: number;
  ended?: boolean;
}

interface Step {
  advance?: number;
  acquire?: AcquireRequest;
  as?: string;
  release?: string;
  report?: ReleaseReport;
  expect: Expected | null;
}

const folder = new URL('../../../vectors/', import.meta.url);
const files = readdirSync(folder).filter((file) => file.endsWith('.json'));
assert.ok(files.length > 0, 'vectors/ has vectors');

for (const file of files) {
  test(`vectors: ${file}`, () => {
    const vector = JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as { config: GovernorConfig; steps: Step[] };
    const clock = createTestClock();
    const governor = createGovernor({ ...vector.config, clock, seed: 1 });
    const leases = new Map<string, string>();
    for (const [index, step] of vector.steps.entries()) {
      assert.deepEqual(answer(step), step.expect, `${file}, step ${index}: ${JSON.stringify(step)}`);
    }
    governor.close();

    function answer(step: Step): unknown {
      if (step.advance !== undefined) {
        clock.advance(step.advance);
        return null;
      }
      if (step.release !== undefined) return release(step);
      return acquire(step);
    }

    function acquire(step: Step): unknown {
      const decision = governor.acquire(step.acquire as AcquireRequest);
      if (decision.granted) {
        leases.set(step.as as string, decision.leaseId);
        return { granted: true, expiresAt: decision.expiresAt };
      }
      const { reason, cause, retryAfterMs, retryAt, limitsHint } = decision;
      const { inFlight, maxInFlight, rateUsed, rateLimit } = limitsHint ?? {};
      return {
        granted: false,
        reason,
        cause,
        retryAfterMs,
        retryAt,
        used: inFlight ?? rateUsed ?? null,
        limit: maxInFlight ?? rateLimit ?? null,
      };
    }

    function release(step: Step): unknown {
      const before = governor.activeLeases;
      governor.release(leases.get(step.release as string) as string, step.report);
      const { activeLeases, tokenRateCount } = governor;
      return { ended: activeLeases < before, activeLeases, tokenRateCount };
    }
  });
}
