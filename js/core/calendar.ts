/**
 * Calendar windows: days and months of a time zone as spans of instants. The core knows no time zone; it is handed these
 * boundaries as numbers.
 *
 * A day begins at the first instant of its date: at midnight, at the first of two midnights, or where clocks skip midnight,
 * at the instant of the skip. Periods follow one another without gap or overlap, so the minutes that are repeated when
 * clocks go back over midnight belong to the day that has begun already, and a date that a zone skipped has no period. A
 * month begins with its first day. Days are 23, 24 or 25 hours long, or what else the zone decrees.
 *
 * Rules of time zones come from `Intl.DateTimeFormat`, which every runtime has. Instants are ms since the epoch.
 */
import { ConfigError, InputError } from './errors.ts';

/** What a calendar window covers. */
export type CalendarUnit = 'day' | 'month';

/** From `start`, before `end`; ms since the epoch. */
export interface Period {
  start: number;
  end: number;
}

/** The calendar of one time zone. */
export interface Calendar {
  /** As the runtime calls it: letters of either case are one zone. */
  readonly timeZone: string;
  /**
   * The period that holds the instant `now`.
   *
   * @param now ms since the epoch, from 0 to 8.63e15 (the year 275443)
   * @throws InputError outside that range
   */
  periodAt(unit: CalendarUnit, now: number): Period;
  /**
   * The first `count` boundaries after the instant `now`, in order: ends of its period and of those that follow. `now` as
   * above; so late that the last of them would be beyond it, there are fewer.
   */
  boundariesAfter(unit: CalendarUnit, now: number, count: number): number[];
}

const SECOND = 1_000;
const DAY = 86_400_000;
/** Room for a month and the widest offset below the last instant of JavaScript, 8.64e15. */
export const NOW_MAX = 8.63e15;
/** No zone was ever further from UTC (Manila was, by 15:56 h), and none changed twice within two of these. */
const OFFSET_MAX = 16 * 3_600_000;

const ALLOWED = 'an IANA time zone that this runtime knows, such as "UTC" or "Europe/Berlin"';

/**
 * Makes the calendar of a time zone. Costs some 50 us and holds a formatter: make it once for each zone.
 *
 * @param timeZone IANA name, e.g. `Europe/Berlin`. Bare offsets (`+02:00`), which only some runtimes know, are refused
 * @param field what an error calls it
 * @throws ConfigError if the runtime does not know the zone
 * @example
 * const berlin = calendarOf('Europe/Berlin', 'limits[0].timeZone');
 * berlin.periodAt('day', Date.UTC(2026, 2, 29)); // 23 hours
 */
export function calendarOf(timeZone: unknown, field: string): Calendar {
  const format = formatterOf(timeZone);
  if (format === undefined) throw new ConfigError({ field, value: timeZone, allowed: ALLOWED });
  const periodAt = (unit: CalendarUnit, now: number): Period => {
    if (typeof now !== 'number' || !(now >= 0 && now <= NOW_MAX)) {
      throw new InputError({ field: 'now', value: now, allowed: `a number of milliseconds from 0 to ${NOW_MAX}` });
    }
    return periodOf(format, unit, now);
  };
  return {
    timeZone: format.resolvedOptions().timeZone,
    periodAt,
    boundariesAfter(unit, now, count) {
      const boundaries: number[] = [];
      let boundary = periodAt(unit, now).end;
      while (boundaries.length < count) {
        boundaries.push(boundary);
        if (boundary > NOW_MAX) break;
        boundary = periodAt(unit, boundary).end;
      }
      return boundaries;
    },
  };
}

function formatterOf(timeZone: unknown): Intl.DateTimeFormat | undefined {
  // Without a first letter it is a bare offset; `undefined` would be the zone of the machine.
  if (typeof timeZone !== 'string' || !/^[A-Za-z]/.test(timeZone)) return undefined;
  try {
    return new Intl.DateTimeFormat('en-US-u-ca-gregory-nu-latn', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    return undefined;
  }
}

/** What clocks of a zone show. */
interface LocalTime {
  /** The instant at which clocks of UTC show the same. */
  ms: number;
  /** Months since January of the year 0. */
  month: number;
}

function localTimeAt(format: Intl.DateTimeFormat, instant: number): LocalTime {
  // Zones change at whole seconds, and the fields have no smaller ones.
  const wholeSecond = Math.floor(instant / SECOND) * SECOND;
  const fields: Partial<Record<string, number>> = {};
  for (const { type, value } of format.formatToParts(wholeSecond)) fields[type] = Number(value);
  const { year = NaN, month = NaN, day, hour, minute, second } = fields;
  // Years from 1969 on, so `Date.UTC` takes none for a short form of 19xx.
  const ms = Date.UTC(year, month - 1, day, hour, minute, second) + instant - wholeSecond;
  return { ms, month: year * 12 + month - 1 };
}

function periodOf(format: Intl.DateTimeFormat, unit: CalendarUnit, now: number): Period {
  const { ms, month } = localTimeAt(format, now);
  // Periods are counted by their dates: days since the epoch, or months.
  let index = unit === 'day' ? Math.floor(ms / DAY) : month;
  let start = startOf(format, firstDate(unit, index));
  for (;;) {
    index += 1;
    const end = startOf(format, firstDate(unit, index));
    // Otherwise clocks have gone back over midnight, and the next period has begun already.
    if (end > now) return { start, end };
    start = end;
  }
}

/** A date, as the instant at which it begins in UTC. */
type PlainDate = number;

function firstDate(unit: CalendarUnit, index: number): PlainDate {
  return unit === 'day' ? index * DAY : Date.UTC(Math.floor(index / 12), index % 12, 1);
}

/** First instant of a date, or of the first date after it that the zone has. */
function startOf(format: Intl.DateTimeFormat, date: PlainDate): number {
  const offset = offsetAt(format, date - OFFSET_MAX);
  const laterOffset = offsetAt(format, date + OFFSET_MAX);
  const midnight = date - offset;
  if (offset === laterOffset) return midnight;
  const change = changeBetween(format, date - OFFSET_MAX, date + OFFSET_MAX);
  // Midnight comes before the change, or after it, or is what the change skips.
  return midnight < change ? midnight : Math.max(date - laterOffset, change);
}

/** The instant after `before`, at the latest `after`, at which the offset changes. Both are whole seconds. */
function changeBetween(format: Intl.DateTimeFormat, before: number, after: number): number {
  const offset = offsetAt(format, before);
  let [low, high] = [before / SECOND, after / SECOND];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(format, middle * SECOND) === offset) low = middle;
    else high = middle;
  }
  return high * SECOND;
}

/** Local time minus UTC, in ms. */
function offsetAt(format: Intl.DateTimeFormat, instant: number): number {
  return localTimeAt(format, instant).ms - instant;
}
