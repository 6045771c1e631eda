/**
 * What a wrapper costs a call that is admitted: the call through the wrapper against the bare call. The call answers at
 * once, so the difference is all the wrapper's; beside a real model call it vanishes.
 */
import { EventEmitter } from 'node:events';
import type { Governor } from 'throttleai';
import { asyncLoop, loop, type Batch } from '../harness.ts';
import type { Case } from './case.ts';
import { configFor } from './governor.ts';

/** A call, and the same through a wrapper, each to its end. */
interface Calls {
  readonly bare: () => Promise<unknown>;
  readonly wrapped: () => Promise<unknown>;
}

export const WRAPPED_CASES: readonly Case[] = [
  wrapped('withLease', 'an async function', async (governor) => {
    const { withLease } = await import('throttleai');
    return {
      bare: answer,
      wrapped: () => withLease(governor, { actorId: 'actor-0', action: 'chat' }, answer),
    };
  }),
  wrapped('wrapTool', 'an async function', async (governor) => {
    const { wrapTool } = await import('throttleai/adapters/tools');
    return { bare: answer, wrapped: wrapTool(answer, { governor, toolId: 'search' }) };
  }),
  wrapped('wrapChatCompletions', 'an async function that answers with a completion', async (governor) => {
    const { wrapChatCompletions } = await import('throttleai/adapters/openai');
    const create = async (_params: object): Promise<object> => ({
      usage: { prompt_tokens: 90, completion_tokens: 120 },
      choices: [],
    });
    const chat = wrapChatCompletions(create, { governor });
    const params = { model: 'm', messages: [{ role: 'user', content: 'Hello' }] };
    return { bare: () => create(params), wrapped: () => chat(params) };
  }),
  wrapped('wrapFetch', 'a function that answers with a `Response`, whose text is read', async (governor) => {
    const { wrapFetch } = await import('throttleai/adapters/fetch');
    const fetch = async (): Promise<Response> => new Response('{"answer":42}');
    const throttled = wrapFetch(fetch, { governor });
    return {
      bare: async () => (await fetch()).text(),
      wrapped: async () => {
        const result = await throttled('https://model.example/chat');
        if (!result.ok) throw new Error(result.decision.recommendation);
        return result.response.text();
      },
    };
  }),
  wrapped('hono', 'a request through an app, without sockets', async (governor) => {
    const [{ Hono }, { throttle }] = await Promise.all([import('hono'), import('throttleai/adapters/hono')]);
    const [bare, governed] = [new Hono(), new Hono()];
    governed.use(throttle({ governor }));
    for (const app of [bare, governed]) app.get('/chat', (c) => c.text('answer'));
    return {
      bare: async () => (await bare.request('/chat')).text(),
      wrapped: async () => (await governed.request('/chat')).text(),
    };
  }),
  express(),
];

/** @param call what is called, as the table says it */
function wrapped(name: string, call: string, make: (governor: Governor) => Promise<Calls>): Case {
  return {
    name: `wrapped-${name}`,
    compares: `${call}: through ${name} / bare`,
    candidates: async () => {
      const { createGovernor } = await import('throttleai');
      const calls = await make(createGovernor(configFor(0)));
      const batch = (call: () => Promise<unknown>): Batch => asyncLoop('await call();', ['call'], [call]);
      return { subject: () => batch(calls.wrapped), reference: () => batch(calls.bare) };
    },
  };
}

/** Express itself needs sockets; its middleware needs a response that tells when it is over. */
function express(): Case {
  return {
    name: 'wrapped-express',
    compares: 'a response that ends at once, without sockets: through throttleMiddleware / bare',
    candidates: async () => {
      const [{ createGovernor }, { throttleMiddleware }] = await Promise.all([
        import('throttleai'),
        import('throttleai/adapters/express'),
      ]);
      const middleware = throttleMiddleware({ governor: createGovernor(configFor(0)) });
      const batch = (handle: string): Batch => {
        const body = `
          const response = new Answer();
          const next = () => { response.emit('finish'); response.emit('close'); };
          ${handle}`;
        return loop(body, ['Answer', 'middleware', 'request'], [ExpressAnswer, middleware, request]);
      };
      const request = { headers: {}, ip: '127.0.0.1', path: '/chat' };
      return { subject: () => batch('middleware(request, response, next);'), reference: () => batch('next();') };
    },
  };
}

/** What the middleware uses of a response. Each must end by being sent: anything else is an error of the benchmark. */
class ExpressAnswer extends EventEmitter {
  readonly statusCode = 200;

  status(code: number): never {
    throw new Error(`answered ${code}`);
  }

  setHeader(): never {
    throw new Error('refused');
  }
}

async function answer(): Promise<number> {
  return 42;
}
