// An agent's tools under one governor: each has a weight, all share the slots, a denial is an answer the agent can use.
import { createGovernor, formatEvent } from 'throttleai';
import { wrapTool } from 'throttleai/adapters/tools';

const governor = createGovernor({
  concurrency: { maxInFlight: 3 },
  onEvent: (event) => {
    if (event.type === 'acquire' || event.type === 'release') {
      console.log(
        formatEvent(event)
          .replace(/lease=\S+ ?/, '')
          .trim(),
      );
    }
  },
});

const search = wrapTool(async (query: string) => [`${query}, first page`, `${query}, second page`], {
  governor,
  toolId: 'search',
  actorId: 'agent-7',
});
// A browser is worth three searches: it runs alone.
const browse = wrapTool(async (page: string) => `the text of ${page}`, {
  governor,
  toolId: 'browse',
  actorId: 'agent-7',
  costWeight: 3,
});
const broken = wrapTool((): Promise<string> => Promise.reject(new Error('the tool broke')), {
  governor,
  toolId: 'broken',
  actorId: 'agent-7',
});

const [pages, refused] = await Promise.all([search('leases'), browse('leases, first page')]);
console.log(pages.ok ? `found ${pages.result.length} pages` : pages.decision.recommendation);
console.log(refused.ok ? refused.result : `browse was denied: ${refused.decision.reason}`);

const text = await browse('leases, first page');
console.log(text.ok ? text.result : text.decision.recommendation);

// What a tool throws is thrown on, after its lease has ended.
await broken().catch((error: Error) => console.log(error.message));
console.log(`weight in use: ${governor.concurrencyActive}`);
governor.close();
