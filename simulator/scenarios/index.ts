import { FAIRNESS } from './fairness.ts';
import type { Scenario } from './scenario.ts';
import { WAITING } from './waiting.ts';

export const SCENARIOS: readonly Scenario[] = [...WAITING, ...FAIRNESS];
