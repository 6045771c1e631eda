import { createGovernor } from 'throttleai';
import { wrapHandler } from 'throttleai/adapters/web';
import { line } from '../../../bundled/app.mjs';

export const runtime = 'edge';

// One slot: a lease that was not given back would deny the next request.
const governor = createGovernor({ concurrency: { maxInFlight: 1 } });
const handler = async () => new Response(governor.activeLeases === 1 ? await line() : 'no lease');
export const GET = wrapHandler(handler, { governor });
