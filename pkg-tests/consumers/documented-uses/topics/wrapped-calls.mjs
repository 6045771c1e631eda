/** The adapters that wrap a function, as they are documented: granted, then denied. */
import { during, freeThenTaken, oneSlot } from '../adapter-support.mjs';

const COMPLETION = { choices: [{ message: { content: 'Hello.' } }], usage: { prompt_tokens: 9, completion_tokens: 2 } };

const seen = (r, shown) => (r.ok ? `${shown(r)}, latency ${typeof r.latencyMs}` : `denied ${r.decision.reason}`);

export function wrappedCalls({
  throttleai,
  fetch: { wrapFetch },
  openai: { wrapChatCompletions },
  tools: { wrapTool },
}) {
  return {
    fetch: () =>
      during(
        (_req, res) => res.end(JSON.stringify(COMPLETION)),
        (origin) => {
          const governor = oneSlot(throttleai);
          const throttled = wrapFetch(fetch, { governor });
          return freeThenTaken(governor, async () => {
            const r = await throttled(`${origin}/v1/chat`);
            if (r.ok) await r.response.text();
            return seen(r, ({ response }) => response.status);
          });
        },
      ),

    'a create function': () => {
      const governor = oneSlot(throttleai);
      const chat = wrapChatCompletions(async () => COMPLETION, { governor });
      const messages = [{ role: 'user', content: 'Hello' }];
      return freeThenTaken(governor, async () =>
        seen(await chat({ model: 'mock', messages }), ({ result }) => result.choices[0].message.content),
      );
    },

    // The one documented line that needs a change: such a method has lost its object. The error says what to pass.
    'a create method taken off its object': async () => {
      class Completions {
        answer = COMPLETION;
        async create() {
          return this.answer;
        }
      }
      const completions = new Completions();
      const governor = oneSlot(throttleai);
      const told = await wrapChatCompletions(completions.create, { governor })({ model: 'mock' }).catch(
        (error) => error,
      );
      const r = await wrapChatCompletions(completions, { governor })({ model: 'mock' });
      return `${told.code}, ${governor.activeLeases} leases; with the object ${r.ok}`;
    },

    'a tool': () => {
      const governor = oneSlot(throttleai);
      const embed = wrapTool(async (text) => text.length, { governor, toolId: 'embed', costWeight: 1 });
      return freeThenTaken(governor, async () => seen(await embed('hello'), ({ result }) => result));
    },
  };
}
