/** All cases, by what they are about. */
import { BOUNDARY_CASES } from './boundary.ts';
import type { Case } from './case.ts';
import { GOVERNOR_CASES } from './governor.ts';
import { LIBRARY_CASES } from './libraries.ts';
import { LIMIT_CASES } from './limits.ts';
import { WRAPPED_CASES } from './wrapped.ts';

export const GROUPS = {
  governor: GOVERNOR_CASES,
  limits: LIMIT_CASES,
  boundary: BOUNDARY_CASES,
  wrapped: WRAPPED_CASES,
  libraries: LIBRARY_CASES,
} as const;

export type GroupName = keyof typeof GROUPS;

export const CASES: readonly Case[] = Object.values(GROUPS).flat();
