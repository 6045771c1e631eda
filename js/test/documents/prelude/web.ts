/** What the examples of the adapter for handlers take as given. */
import { createGovernor, presets } from 'throttleai';
import { clientAddress } from 'throttleai/adapters/web';

export { clientAddress };
export const governor = createGovernor(presets.balanced());
