/** The limit against the capacity over time, as a picture: one panel a provider. */
import { valueAt } from '../../js/testing/simulator/distributions.ts';
import type { Setting } from './scenario.ts';

export interface Panel {
  readonly title: string;
  readonly setting: Setting;
  /** The limit, once a second. */
  readonly lines: readonly { readonly name: string; readonly limits: readonly number[] }[];
}

const WIDTH = 760;
const HEIGHT = 190;
const MARGIN = { left: 44, right: 130, top: 26, bottom: 22 };
const GAP = 10;
/** Readable on light and dark pages. */
const COLOURS = ['#d9480f', '#1c7ed6', '#2f9e44'];
const CAPACITY = '#868e96';
/** A point every so many seconds: more would not be seen. */
const STEP_S = 2;
const TICKS = { slots: 20, seconds: 60 };

const path = (points: readonly (readonly [number, number])[]): string =>
  points.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');

const text = (x: number, y: number, content: string, more = ''): string =>
  `<text x="${x}" y="${y}"${more}>${content}</text>`;

function panel({ title, setting, lines }: Panel, top: number): string {
  const seconds = setting.endMs / 1000;
  const [plotWidth, plotHeight] = [WIDTH - MARGIN.left - MARGIN.right, HEIGHT - MARGIN.top - MARGIN.bottom];
  const x = (second: number): number => MARGIN.left + (second / seconds) * plotWidth;
  const y = (slots: number): number => top + MARGIN.top + (1 - Math.min(slots / setting.ceiling, 1)) * plotHeight;
  const sampled = (value: (second: number) => number): (readonly [number, number])[] =>
    Array.from({ length: Math.ceil(seconds / STEP_S) }, (_, index) => [x(index * STEP_S), y(value(index * STEP_S))]);
  const capacity = sampled((second) => valueAt(setting.capacity, second * 1000));
  const legend = [...lines.map(({ name }, index) => ({ name, colour: COLOURS[index]! })), { name: 'capacity', colour: CAPACITY }]; // prettier-ignore
  const [bottom, end] = [top + MARGIN.top + plotHeight, WIDTH - MARGIN.right];
  const grid: string[] = [];
  for (let slots = 0; slots <= setting.ceiling; slots += TICKS.slots) {
    grid.push(`<path d="${path([[MARGIN.left, y(slots)], [end, y(slots)]])}" stroke="${CAPACITY}" stroke-opacity=".25"/>`, text(MARGIN.left - 6, y(slots) + 4, `${slots}`, ' text-anchor="end"')); // prettier-ignore
  }
  for (let second = 0; second <= seconds; second += TICKS.seconds) grid.push(text(x(second), bottom + 15, `${second} s`, ' text-anchor="middle"')); // prettier-ignore
  return [
    text(MARGIN.left, top + 16, title, ' font-weight="bold"'),
    ...grid,
    `<path d="${path([...capacity.slice(0, 1), ...capacity, [end, y(0)], [MARGIN.left, y(0)]])}Z" fill="${CAPACITY}" fill-opacity=".22"/>`,
    ...lines.map(({ limits }, index) => `<path d="${path(sampled((second) => limits[second] ?? 0))}" fill="none" stroke="${COLOURS[index]!}" stroke-width="1.5"/>`), // prettier-ignore
    ...legend.map(({ name, colour }, index) => text(end + 12, top + MARGIN.top + 14 + 18 * index, name, ` fill="${colour}"`)), // prettier-ignore
  ].join('\n');
}

/** The same panels give the same bytes. */
export function plot(panels: readonly Panel[]): string {
  const height = panels.length * (HEIGHT + GAP);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" font-family="sans-serif" font-size="11" fill="${CAPACITY}">`,
    '<title>Limit of calls in flight against the capacity of the provider</title>',
    ...panels.map((one, index) => panel(one, index * (HEIGHT + GAP))),
    '</svg>\n',
  ].join('\n');
}
