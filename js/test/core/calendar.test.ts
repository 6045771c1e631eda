/** Calendar windows against an independent implementation (Temporal), in every time zone this runtime knows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Temporal } from 'temporal-polyfill';
import { createTestClock } from 'throttleai';
import { calendarOf, type CalendarUnit, type Period } from '../../core/calendar.ts';
import { ConfigError, InputError } from '../../core/errors.ts';
import { ask, bench, denied, granted } from './support.ts';

const HOUR = 3_600_000;
const UNITS: CalendarUnit[] = ['day', 'month'];
const ZONES = ['UTC', ...Intl.supportedValuesOf('timeZone')];

const periodAt = (zone: string, unit: CalendarUnit, now: number): Period =>
  calendarOf(zone, 'zone').periodAt(unit, now);
const utc = (iso: string): number => Date.parse(iso);

/** The same by Temporal: of all starts of dates, the last at or before `now` and the first after it. */
function expected(zone: string, unit: CalendarUnit, now: number): Period {
  const local = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(zone).toPlainDate();
  const first = unit === 'day' ? local : local.with({ day: 1 });
  const starts = [-1, 0, 1, 2]
    .map((later) => first.add(unit === 'day' ? { days: later } : { months: later }))
    .map((date) => date.toZonedDateTime(zone).epochMilliseconds);
  const start = starts.filter((instant) => instant <= now).at(-1);
  const end = starts.find((instant) => instant > now);
  assert(start !== undefined && end !== undefined);
  return { start, end };
}

/** A small generator with a fixed seed (mulberry32): failures are the same ones in every run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function agrees(zone: string, now: number): void {
  const calendar = calendarOf(zone, 'zone');
  for (const unit of UNITS) {
    assert.deepEqual(calendar.periodAt(unit, now), expected(zone, unit, now), `${unit} in ${zone} at ${now}`);
  }
}

test('random instants from 1970 to 2100, in every zone', () => {
  assert(ZONES.length > 300);
  const random = randomFrom(1);
  const until = Date.UTC(2100, 0, 1);
  for (const zone of ZONES) for (let i = 0; i < 5; i += 1) agrees(zone, Math.floor(random() * until));
});

/** The first change of clocks after `now`; undefined if the zone has none until 2040. */
function changeAfter(zone: string, now: number): number | undefined {
  const at = Temporal.Instant.fromEpochMilliseconds(now).toZonedDateTimeISO(zone).getTimeZoneTransition('next');
  return at === null || at.year >= 2040 ? undefined : at.epochMilliseconds;
}

test('around random changes of clocks from 1970 to 2040, in every zone', () => {
  const random = randomFrom(2);
  const until = Date.UTC(2038, 0, 1);
  let changes = 0;
  for (const zone of ZONES) {
    for (let i = 0; i < 4; i += 1) {
      const change = changeAfter(zone, Math.floor(random() * until));
      if (change === undefined) continue;
      changes += 1;
      for (const near of [-1, 0, 30 * 60_000]) agrees(zone, change + near);
    }
  }
  assert(changes > 800, `${changes} changes`);
});

test('around every change of clocks from 1970 to 2040, where they change at midnight', () => {
  for (const zone of ['America/Sao_Paulo', 'America/St_Johns', 'America/Havana', 'Africa/Cairo', 'Asia/Beirut']) {
    let changes = 0;
    for (let at = changeAfter(zone, 0); at !== undefined; at = changeAfter(zone, at)) {
      changes += 1;
      for (const near of [-1, 0, 30 * 60_000]) agrees(zone, at + near);
    }
    assert(changes > 40, `${changes} changes in ${zone}`);
  }
});

test('periods follow one another without gap or overlap', () => {
  for (const zone of ['America/Sao_Paulo', 'America/St_Johns', 'Pacific/Apia', 'Australia/Lord_Howe', 'Asia/Beirut']) {
    const calendar = calendarOf(zone, 'zone');
    for (const unit of UNITS) {
      let { start, end } = calendar.periodAt(unit, Date.UTC(2005, 0, 1));
      while (end < Date.UTC(2012, 1, 1)) {
        assert.deepEqual(calendar.periodAt(unit, start), { start, end }, `${unit} in ${zone} from ${start}`);
        assert.deepEqual(calendar.periodAt(unit, end - 1), { start, end }, `${unit} in ${zone} to ${end}`);
        ({ start, end } = calendar.periodAt(unit, end));
      }
    }
  }
});

const CASES: [what: string, zone: string, unit: CalendarUnit, now: string, start: string, end: string][] = [
  ['UTC', 'UTC', 'day', '2026-02-28T23:59:59.999Z', '2026-02-28T00:00Z', '2026-03-01T00:00Z'],
  ['leap year', 'UTC', 'month', '2028-02-29T12:00Z', '2028-02-01T00:00Z', '2028-03-01T00:00Z'],
  ['century without leap day', 'UTC', 'month', '2100-02-28T12:00Z', '2100-02-01T00:00Z', '2100-03-01T00:00Z'],
  ['end of year', 'UTC', 'month', '2026-12-31T23:00Z', '2026-12-01T00:00Z', '2027-01-01T00:00Z'],
  ['the first ms of a day', 'UTC', 'day', '2026-05-05T00:00Z', '2026-05-05T00:00Z', '2026-05-06T00:00Z'],
  ['the epoch', 'UTC', 'day', '1970-01-01T00:00Z', '1970-01-01T00:00Z', '1970-01-02T00:00Z'],
  ['the epoch, west', 'America/New_York', 'month', '1970-01-01T00:00Z', '1969-12-01T05:00Z', '1970-01-01T05:00Z'],
  ['23 hours', 'Europe/Berlin', 'day', '2026-03-29T12:00Z', '2026-03-28T23:00Z', '2026-03-29T22:00Z'],
  ['25 hours', 'Europe/Berlin', 'day', '2026-10-25T12:00Z', '2026-10-24T22:00Z', '2026-10-25T23:00Z'],
  ['month over a change', 'Europe/Berlin', 'month', '2026-03-10T00:00Z', '2026-02-28T23:00Z', '2026-03-31T22:00Z'],
  ['midnight Pacific', 'America/Los_Angeles', 'day', '2026-07-01T06:59Z', '2026-06-30T07:00Z', '2026-07-01T07:00Z'],
  ['half an hour', 'Australia/Lord_Howe', 'day', '2026-10-03T20:00Z', '2026-10-03T13:30Z', '2026-10-04T13:00Z'],
  ['three quarters', 'Asia/Kathmandu', 'day', '2026-01-01T00:00Z', '2025-12-31T18:15Z', '2026-01-01T18:15Z'],
  ['no midnight', 'America/Sao_Paulo', 'day', '2018-11-04T12:00Z', '2018-11-04T03:00Z', '2018-11-05T02:00Z'],
  ['no midnight', 'Africa/Cairo', 'day', '2024-04-26T12:00Z', '2024-04-25T22:00Z', '2024-04-26T21:00Z'],
  ['no midnight', 'Asia/Beirut', 'day', '2022-03-27T12:00Z', '2022-03-26T22:00Z', '2022-03-27T21:00Z'],
  ['back over midnight', 'America/Sao_Paulo', 'day', '2018-02-18T01:30Z', '2018-02-17T02:00Z', '2018-02-18T03:00Z'],
  ['00:01 again', 'America/St_Johns', 'day', '2006-10-29T02:45Z', '2006-10-29T02:30Z', '2006-10-30T03:30Z'],
  ['before a skipped date', 'Pacific/Apia', 'day', '2011-12-30T09:00Z', '2011-12-29T10:00Z', '2011-12-30T10:00Z'],
  ['after a skipped date', 'Pacific/Apia', 'day', '2011-12-30T10:00Z', '2011-12-30T10:00Z', '2011-12-31T10:00Z'],
  ['month with a skipped date', 'Pacific/Apia', 'month', '2011-12-10T00:00Z', '2011-12-01T10:00Z', '2011-12-31T10:00Z'],
];

test('cases worth seeing', () => {
  for (const [what, zone, unit, now, start, end] of CASES) {
    assert.deepEqual(periodAt(zone, unit, utc(now)), { start: utc(start), end: utc(end) }, `${what}: ${zone} ${now}`);
  }
});

test('fractions of a ms belong to the period they are in', () => {
  const midnight = utc('2026-05-06T00:00Z');
  assert.equal(periodAt('UTC', 'day', midnight - 0.25).end, midnight);
  assert.equal(periodAt('UTC', 'day', midnight + 0.25).start, midnight);
});

test('boundaries after an instant', () => {
  const calendar = calendarOf('Europe/Berlin', 'zone');
  const at = utc('2026-03-28T12:00Z');
  const [first, second, third] = calendar.boundariesAfter('day', at, 3);
  assert.deepEqual(
    [first, second, third],
    [utc('2026-03-28T23:00Z'), utc('2026-03-29T22:00Z'), utc('2026-03-30T22:00Z')],
  );
  assert.equal((second ?? 0) - (first ?? 0), 23 * HOUR);
  assert.deepEqual(calendar.boundariesAfter('day', at, 0), []);
});

test('far instants, and those beyond', () => {
  const calendar = calendarOf('Asia/Tokyo', 'zone');
  const far = Date.UTC(9_999, 11, 31, 20);
  assert.deepEqual(calendar.periodAt('day', far), {
    start: Date.UTC(9_999, 11, 31, 15),
    end: Date.UTC(10_000, 0, 1, 15),
  });
  const last = 8.63e15;
  for (const unit of UNITS) {
    const { start, end } = calendar.periodAt(unit, last);
    assert(start <= last && end > last);
    // The next one would begin beyond.
    assert.equal(calendar.boundariesAfter(unit, last, 5).length, 1);
  }
  for (const now of [-1, NaN, Infinity, -Infinity, last + 1, '5', undefined, null, 5n, {}]) {
    assert.throws(() => calendar.periodAt('day', now as number), InputError, String(now));
    assert.throws(() => calendar.boundariesAfter('month', now as number, 1), InputError, String(now));
  }
});

test('zones that are none', () => {
  for (const zone of [
    'Mars/Base',
    '',
    ' UTC',
    'UTC ',
    '+02:00',
    'Europe',
    undefined,
    null,
    5,
    {},
    ['UTC'],
    Symbol('UTC'),
  ]) {
    assert.throws(
      () => calendarOf(zone, 'limits[0].timeZone'),
      (error) =>
        ConfigError.isInstance(error) &&
        error.field === 'limits[0].timeZone' &&
        error.value === zone &&
        /IANA time zone/.test(error.message),
    );
  }
});

test('names that runtimes know by other names too', () => {
  const now = utc('2026-07-01T12:00Z');
  assert.deepEqual(periodAt('Asia/Calcutta', 'day', now), periodAt('Asia/Kolkata', 'day', now));
  assert.deepEqual(periodAt('US/Pacific', 'day', now), periodAt('America/Los_Angeles', 'day', now));
  assert.deepEqual(periodAt('europe/berlin', 'day', now), periodAt('Europe/Berlin', 'day', now));
});

test('the zone of this process does not matter', (t) => {
  const before = process.env['TZ'];
  t.after(() => {
    if (before === undefined) delete process.env['TZ'];
    else process.env['TZ'] = before;
  });
  const now = utc('2026-03-29T12:00Z');
  const wanted = periodAt('Europe/Berlin', 'month', now);
  for (const zone of ['Pacific/Kiritimati', 'America/Los_Angeles']) {
    process.env['TZ'] = zone;
    assert.deepEqual(periodAt('Europe/Berlin', 'month', now), wanted);
  }
});

test('beyond the last instant of calendars a period goes on', (t) => {
  const clock = createTestClock(8.64e15);
  const { governor } = bench(t, { limits: [{ metric: 'requests', limit: 2, window: 'month' }] }, clock);
  granted(governor.acquire(ask('a')));
  clock.time += 1e12;
  granted(governor.acquire(ask('a')));
  denied(governor.acquire(ask('a')));
});
