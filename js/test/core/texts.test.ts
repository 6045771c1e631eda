/** Every text of a denial, as a sentence that people read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TEXT } from '../../core/binding.ts';
import { denialText } from '../../core/texts.ts';

const EXPECTED: Record<keyof typeof TEXT, string> = {
  Slots: 'All 5 slots in use (3 active). Retry in 250ms or reduce concurrent calls.',
  Share: 'Actor "ana" exceeds fair share. Other actors are waiting — retry in 250ms.',
  Requests: 'Rate limit hit (3/5 req/window). Retry in 250ms.',
  Tokens: 'Token rate limit hit (3/5 tokens/window). Retry in 250ms.',
  QueuedAhead: '3 calls wait ahead. Retry in 250ms.',
  TooHeavy: 'Weight 8 can never be granted (at most 4). Waiting cannot help; ask for less.',
  TooManyTokens: '8 tokens can never be granted (at most 4/window). Waiting cannot help; ask for less.',
  QueueFull: 'The queue is full (3/5 waiters). Retry in 250ms.',
  Deadline: 'No room before the deadline. Retry in 250ms.',
  LeaseCap: 'As many leases are held as this governor may hold (3/5). Retry in 250ms.',
  ActorCap: 'As many actors are active as this governor may remember (3/5). Retry in 250ms.',
  Limit: 'Limit "pages/1m" reached (3/5 pages). Retry in 250ms.',
  Budget: 'Budget "pages/1m" spent (3/5). Retry in 250ms.',
  TooLarge: '8 pages can never be granted by limit "pages/1m" (at most 4). Waiting cannot help; ask for less.',
  Cooldown: 'The provider takes no calls now. Retry in 250ms.',
  Circuit: 'The provider fails calls. Retry in 250ms.',
  KeyCap: 'As many keys of limits are remembered as this governor may remember (3/5). Retry in 250ms.',
};

test('the texts', () => {
  const numbers = {
    used: 3,
    limit: 5,
    asked: 8,
    maxAllowed: 4,
    retryAfterMs: 250,
    named: { name: 'pages/1m', metric: 'pages' },
  };
  const texts = Object.entries(TEXT).map(([name, text]) => [name, denialText({ text, ...numbers }, 'ana')]);
  assert.deepEqual(Object.fromEntries(texts), EXPECTED);
});
