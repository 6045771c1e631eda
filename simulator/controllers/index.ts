/** The known controllers, by the name that the tables show. */
import { aimd } from './aimd.ts';
import type { MakeController } from './controller.ts';
import { cubic } from './cubic.ts';
import { denyRate } from './deny-rate.ts';
import { fixed } from './fixed.ts';
import { gradient } from './gradient.ts';
import { gradient2 } from './gradient2.ts';
import { reno } from './reno.ts';
import { vegas } from './vegas.ts';

export const KNOWN: Readonly<Record<string, MakeController>> = {
  fixed,
  'deny rate': denyRate,
  AIMD: aimd,
  Reno: reno,
  Vegas: vegas,
  Gradient: gradient,
  Gradient2: gradient2,
  'cubic rate': cubic,
};
