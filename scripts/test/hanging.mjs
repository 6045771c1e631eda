/**
 * Loaded before each file of Node's test runner: a test that hangs ends its file with its name. The runner's own
 * `--test-timeout` is for whole files on Node 20, and says only which; it stays for what blocks the thread.
 */
import { afterEach, beforeEach } from 'node:test';

/** Many times what the longest test takes on a busy machine. */
const TEST_MS_MAX = 240_000;

/** The real ones: tests replace those of the platform. */
const { setTimeout: arm, clearTimeout: disarm } = globalThis;
/** @type {NodeJS.Timeout[]} of the test that runs, and of those around it */
const timers = [];

beforeEach(({ name }) => {
  const timer = arm(() => {
    console.error(`"${name}" still ran after ${TEST_MS_MAX / 1000} s`);
    process.exit(1);
  }, TEST_MS_MAX);
  timers.push(timer.unref());
});

afterEach(() => disarm(timers.pop()));
