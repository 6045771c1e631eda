/** What the examples of the Hono adapter take as given. */
import { Hono, type Context } from 'hono';
import { createGovernor, presets } from 'throttleai';
import { clientAddress } from 'throttleai/adapters/hono';

export { clientAddress };
export type { Context };
export const app = new Hono<{ Variables: { userId: string } }>();
export const governor = createGovernor(presets.balanced());
