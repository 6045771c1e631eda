/**
 * A million calls that end at a random point, through `governedFetch` and a transport in memory: `node --import tsx bench/aborts.ts
 * [calls] [seed]`, after a build. At the end no lease is held, nobody waits, and every lease that was granted was released once.
 */
import { createRandom } from '../js/testing/random.ts';
import { abortStorm } from '../js/test/adapters/abort-storm.ts';

const calls = Number(process.argv[2] ?? 1_000_000);
const seed = Number(process.argv[3] ?? 20_261_122);
console.log(`seed ${seed}`);
const start = performance.now();
const { endings, granted, released, activeLeases, waiting } = await abortStorm(calls, createRandom(seed));
const seconds = (performance.now() - start) / 1000;
console.log(`${calls} calls in ${seconds.toFixed(0)} s; ended as ${JSON.stringify(endings)}`);
console.log(`${granted} leases granted, ${released} released; ${activeLeases} held, ${waiting} wait`);
if (granted !== released || activeLeases > 0 || waiting > 0) process.exitCode = 1;
