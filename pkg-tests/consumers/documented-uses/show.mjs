/** Runs the topics in order and prints `topic, use: what it gave`. To add a topic, add it to the list. */
import { configuration } from './topics/configuration.mjs';
import { decisions } from './topics/decisions.mjs';
import { events } from './topics/events.mjs';
import { lifecycle } from './topics/lifecycle.mjs';
import { names } from './topics/names.mjs';
import { releases } from './topics/releases.mjs';
import { retries } from './topics/retries.mjs';
import { servers } from './topics/servers.mjs';
import { state } from './topics/state.mjs';
import { streams } from './topics/streams.mjs';
import { withLeaseUses } from './topics/with-lease.mjs';
import { wrappedCalls } from './topics/wrapped-calls.mjs';

const topics = {
  names,
  configuration,
  decisions,
  releases,
  streams,
  withLease: withLeaseUses,
  retries,
  events,
  state,
  lifecycle,
  adapters: wrappedCalls,
  servers,
};

/** @param modules the package's entry points by name, however they were loaded */
export async function show(modules) {
  for (const [topic, usesOf] of Object.entries(topics)) {
    for (const [use, run] of Object.entries(usesOf(modules))) console.log(`${topic}, ${use}: ${await run()}`);
  }
}
