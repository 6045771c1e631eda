/**
 * `npm test`: all steps of scripts/test/table.mjs, fastest first. `npm test -- STEP...` runs those named, `npm test --
 * --list` says what there is. The last line is `N passed, N failed`; a part that ran no check counts as failed.
 */
import { runPart } from './test/parts.mjs';
import { steps } from './test/table.mjs';

const wanted = process.argv.slice(2);

if (wanted.includes('--list')) {
  for (const { name, about } of steps) console.log(`${name.padEnd(12)}${about}`);
} else {
  const unknown = wanted.filter((name) => !steps.some((step) => step.name === name));
  if (unknown.length > 0) {
    console.error(`No step "${unknown.join('", "')}". There are: ${steps.map(({ name }) => name).join(', ')}`);
    process.exitCode = 2;
  } else {
    await runSteps(wanted.length > 0 ? steps.filter(({ name }) => wanted.includes(name)) : steps);
  }
}

async function runSteps(chosen) {
  const results = [];
  for (const step of chosen) {
    console.log(`\n=== ${step.name}: ${step.about}`);
    const start = performance.now();
    const counts = { passed: 0, failed: 0 };
    for (const part of step.parts()) {
      const { passed, failed } = await runPart(part);
      counts.passed += passed;
      counts.failed += failed;
    }
    if (counts.passed + counts.failed === 0) {
      console.log(`${step.name}: ran nothing`);
      counts.failed = 1;
    }
    results.push({ name: step.name, ...counts, seconds: (performance.now() - start) / 1000 });
  }
  report(results);
}

function report(results) {
  console.log('');
  for (const { name, passed, failed, seconds } of results) {
    console.log(`${name.padEnd(12)}${passed} passed, ${failed} failed, ${seconds.toFixed(1)} s`);
  }
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  if (sum('failed') > 0) process.exitCode = 1;
  console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`);
}
