// POST /api/chat: streams the provider's answer. Works in both of Next's runtimes; the edge one gets its own governor.
import { wrapFetch } from 'throttleai/adapters/fetch';
import { governor } from '../../../lib/governor.ts';

export async function POST(request: Request): Promise<Response> {
  const { prompt } = (await request.json()) as { prompt: string };
  // The user's own session goes here: never take the id from the body or a header that the browser may write.
  const actorId = 'user-1';
  const throttled = wrapFetch(fetch, { governor, actorId });

  const r = await throttled(`${process.env['PROVIDER_URL']}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${process.env['PROVIDER_KEY']}` },
    body: JSON.stringify({ model: 'mock-small', messages: [{ role: 'user', content: prompt }], stream: true }),
    signal: request.signal, // who leaves stops the call
  });
  if (!r.ok) {
    const { reason, recommendation, retryAfterMs } = r.decision;
    return Response.json(
      { error: recommendation, reason },
      { status: 429, headers: { 'Retry-After': String(Math.ceil(retryAfterMs / 1000)) } },
    );
  }
  return new Response(r.response.body, { status: r.response.status, headers: { 'content-type': 'text/event-stream' } });
}
