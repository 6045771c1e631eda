// One governor for all routes of the process. In development Next loads modules again after each edit, so it is kept
// where that does not reach.
import { createGovernor, presets, type Governor } from 'throttleai';

const kept = globalThis as { governor?: Governor };

export const governor: Governor = (kept.governor ??= createGovernor(presets.balanced()));
