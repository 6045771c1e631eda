/** That every case runs, and that a run becomes a table and JSON. Nothing here judges a time. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CASES } from '../cases/index.ts';
import { withTables } from '../document.ts';
import { loadMakers } from '../governors.ts';
import { MEMORY_CASES } from '../memory/cases.ts';
import type { Report } from '../report.ts';

const makers = await loadMakers('throttleai');

describe('cases', () => {
  it('have names of their own', () => {
    const names = [...CASES, ...MEMORY_CASES].map((item) => item.name);
    assert.deepEqual(names, [...new Set(names)]);
  });

  for (const item of CASES) {
    it(`${item.name} runs`, async () => {
      const { subject, reference } = await item.candidates(makers);
      for (const make of [subject, reference]) await make()(3);
    });
  }

  for (const item of MEMORY_CASES) {
    it(`${item.name} makes what it measures`, async () => {
      const grow = await item.prepare(makers, 4000);
      assert.equal(grow(1000), 1000);
      assert.equal(grow(4000), 4000);
    });
  }
});

describe('a run', () => {
  const report = run('--rounds', '10', '--case', 'refusal-slots', '--seed', '1');

  it('is JSON with the machine, the versions and the spread', () => {
    assert.deepEqual(
      report.timings.map((item) => item.name),
      ['refusal-slots', 'refusal-slots/yardstick'],
    );
    for (const { subject, control, budget, withinBudget, ratio } of report.timings) {
      assert.ok(subject.low > 0 && subject.low <= subject.median && subject.median <= subject.high);
      assert.ok(control.low <= control.high);
      assert.equal(withinBudget, budget === null ? null : ratio.median <= budget);
    }
    const { node, cpu, cores, libraries } = report.environment;
    assert.equal(node, process.versions.node);
    assert.ok(cpu !== '' && cores > 0);
    for (const { version } of libraries) assert.match(version, /^\d+\.\d+\.\d+$/);
  });

  it('becomes tables between the markers of a document, and the rest stays', () => {
    const empty = 'before\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nafter\n';
    const written = withTables(empty, report);
    assert.match(written, /^before\n<!-- bench: begin -->\n[^]*\n<!-- bench: end -->\nafter\n$/);
    assert.ok(!written.includes('old'));
    for (const item of report.timings) assert.ok(written.includes(item.compares));
    for (const { name, version } of report.environment.libraries) assert.ok(written.includes(`**${name} ${version}**`));
    assert.equal(withTables(written, report), written);
    assert.throws(() => withTables('no markers', report), /markers/);
  });

  it('of memory is measured in bytes each', () => {
    const [entry] = run('--case', 'memory-entry').memory;
    assert.ok(entry !== undefined && entry.total.median > 0 && entry.worst.median >= entry.total.median);
  });
});

function run(...args: string[]): Report {
  const script = fileURLToPath(new URL('../main.ts', import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), 'throttleai-bench-'));
  try {
    const file = join(folder, 'run.json');
    const all = ['--import', 'tsx', script, '--json', file, ...args];
    const { status, stderr } = spawnSync(process.execPath, all, { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    return JSON.parse(readFileSync(file, 'utf8')) as Report;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
