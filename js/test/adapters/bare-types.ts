/** The servers' adapters where no framework's types are installed: see tsconfig.core.json. Compiled, never run. */
import { throttleMiddleware } from '../../adapters/express.ts';
import { throttle } from '../../adapters/hono.ts';
import type { GovernorLike } from '../../core/types.ts';

export function structural(governor: GovernorLike): void {
  throttleMiddleware({
    governor,
    getActorId: (req) => req.headers['x-user']?.toString() ?? 'nobody',
    // @ts-expect-error what is not read of a request is not known
    getAction: (req) => req.nothing,
    onDeny: (_req, res, decision) => res.status(503).json(decision.reason),
  });
  throttle({
    governor,
    getActorId: (c) => c.req.header('x-user') ?? 'nobody',
    // @ts-expect-error what is not read of a context is not known
    getAction: (c) => c.nothing,
    onDeny: (c, decision) => c.text(decision.reason, 503),
  });
}
