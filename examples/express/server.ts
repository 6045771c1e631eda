// An Express app behind a login: who asks is who has logged in, never a header that anybody can write.
import express from 'express';
import type OpenAI from 'openai';
import type { Governor } from 'throttleai';
import { throttleMiddleware } from 'throttleai/adapters/express';

interface UserRequest extends express.Request {
  userId?: string;
}

/** Stands for the real login: a token names its user. */
const users = new Map([
  ['token-ann', 'ann'],
  ['token-bob', 'bob'],
]);

function authenticate(req: UserRequest, res: express.Response, next: express.NextFunction): void {
  const userId = users.get(req.get('authorization')?.replace('Bearer ', '') ?? '');
  if (userId === undefined) {
    res.status(401).json({ error: 'Log in first' });
    return;
  }
  req.userId = userId;
  next();
}

export function createApp(governor: Governor, openai: OpenAI): express.Express {
  const app = express();
  app.use(express.json());
  app.use('/ai', authenticate);
  // Without `getActorId` the actor is the header `x-actor-id`, else `req.ip`.
  app.use('/ai', throttleMiddleware({ governor, getActorId: (req: UserRequest) => req.userId ?? 'nobody' }));

  app.post('/ai/chat', async (req, res) => {
    // A client that leaves ends the lease, so the call that it paid for must end too.
    const left = new AbortController();
    res.on('close', () => left.abort());
    try {
      const answer = await openai.chat.completions.create(
        { model: 'mock-small', messages: [{ role: 'user', content: String(req.body.prompt) }] },
        { signal: left.signal },
      );
      res.json({ answer: answer.choices[0]?.message.content });
    } catch (error) {
      if (!left.signal.aborted) throw error; // nobody is left to answer
    }
  });
  return app;
}
