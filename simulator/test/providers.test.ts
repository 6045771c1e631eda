/** A governor that knows nothing of a provider but its answers uses its tokens, and is not refused. `npm run sim -- providers` plays more. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { play } from '../providers/play.ts';
import { DIALECTS } from '../providers/server.ts';

for (const dialect of DIALECTS)
  test(`what ${dialect.name} allows is used as it counts`, async () => {
    const { sent, refused, part } = await play(dialect, 'probe', 61_001);
    assert.ok(part >= 0.95, `${part} of its limit of tokens`);
    assert.ok(refused <= 0.001 * sent, `${refused} of ${sent} calls are refused`);
  });
