/** What may be varied in a scenario of adaptation, and the variants that the controller was not made on. */

export interface Terms {
  /** Calls that the provider works on at once. */
  readonly capacity: number;
  /** By how much the capacity falls, and from when to when. */
  readonly drop: number;
  readonly dropMs: number;
  readonly backMs: number;
  readonly endMs: number;
  /** Mean duration of a call. */
  readonly serviceMs: number;
  /** Mean time between two flips of the arrivals between half and one and a half of their mean. */
  readonly dwellMs: number;
  /** Calls in flight, at most. */
  readonly ceiling: number;
  /** Part of the calls that fail for no reason. */
  readonly errors: number;
}

export const BASE: Terms = {
  capacity: 40,
  drop: 4,
  dropMs: 120_000,
  backMs: 300_000,
  endMs: 480_000,
  serviceMs: 1000,
  dwellMs: 5000,
  ceiling: 64,
  errors: 0,
};

/** Long calls need longer runs. */
const LONG: Partial<Terms> = { serviceMs: 8000, dropMs: 240_000, backMs: 600_000, endMs: 960_000 };

/** One term at a time, and at the end mixes of several that nobody had seen before the controller was done. */
export const VARIANTS: Readonly<Record<string, Partial<Terms>>> = {
  'C 8': { capacity: 8 },
  'C 8, ceiling 4 C': { capacity: 8, ceiling: 32 },
  'C 200, ceiling 4 C': { capacity: 200, ceiling: 800 },
  'ceiling 4 C': { ceiling: 160 },
  '0.3 s': { serviceMs: 300 },
  '8 s': LONG,
  'drop 2x': { drop: 2 },
  'drop 10x': { drop: 10 },
  'dwell 1 s': { dwellMs: 1000 },
  'dwell 20 s': { dwellMs: 20_000 },
  '10 % errors': { errors: 0.1 },
  'C 100, 3 s, drop 6x, ceiling 256': { capacity: 100, serviceMs: 3000, drop: 6, ceiling: 256 },
  'C 20, 0.6 s, dwell 1.5 s, ceiling 96': { capacity: 20, serviceMs: 600, dwellMs: 1500, ceiling: 96 },
  'C 60, 2 s, drop 5x, dwell 8 s, ceiling 200': { capacity: 60, serviceMs: 2000, drop: 5, dwellMs: 8000, ceiling: 200 },
  'C 15, 0.5 s, drop 3x, dwell 3 s, ceiling 100': {
    capacity: 15,
    serviceMs: 500,
    drop: 3,
    dwellMs: 3000,
    ceiling: 100,
  },
};
