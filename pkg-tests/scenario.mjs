/**
 * The quick start and what follows from it: the same few lines in every runtime, which must all say `EXPECTED`.
 * Takes the module as an argument, so that it does not matter how the consumer got hold of it.
 */
export const EXPECTED = [
  'answer',
  '5 granted',
  'denied concurrency slots',
  'woken true',
  'concurrency=5/5 rate=6/60 tokens=0/100000 leases=5 lastDeny=concurrency',
  'concurrency=0/5 rate=7/60 tokens=0/100000 leases=0 lastDeny=concurrency',
  'acquire 7, deny 1, release 7',
  'closed',
].join(' | ');

/** What an answer says, by `throttleai/providers`; throws where it is not what it should be. */
export function providersScenario({ readAnswer, defineDialect }) {
  const own = defineDialect({ name: 'own', meters: [{ header: 'x-own-*', metric: 'requests', reset: 'duration' }] });
  const headers = [
    ['retry-after-ms', '1250'],
    ['x-own-remaining', '0'],
    ['x-own-reset', '6m0s'],
  ];
  const said = ['openai', own].map((dialect) =>
    readAnswer({ status: 429, headers }, { dialect, now: 1e12, body: '{}' }),
  );
  const line = said.map(({ kind, retryAt, retryFrom }) => `${kind} ${retryAt} ${retryFrom}`).join(' | ');
  const expected = 'transient 1000000001250 retry-after-ms | transient 1000000360000 reset';
  if (line !== expected) throw new Error(`expected ${expected}\ngot      ${line}`);
}

export async function scenario({ createGovernor, Governor, presets, withLease, formatSnapshot }) {
  const events = {};
  const onEvent = ({ type }) => (events[type] = (events[type] ?? 0) + 1);
  const governor = createGovernor({ ...presets.balanced(), onEvent });
  if (!(governor instanceof Governor)) throw new Error('not a Governor');

  const asked = (actorId) => ({ actorId, action: 'chat' });
  const first = await withLease(governor, asked('user-0'), async () => 'answer');
  const leases = ['user-1', 'user-2', 'user-3', 'user-4', 'user-5'].map((actorId) => governor.acquire(asked(actorId)));
  const denied = governor.acquire(asked('user-6'));
  const busy = formatSnapshot(governor.snapshot());

  const waiting = governor.acquireAsync(asked('user-7'), { timeoutMs: 5000 });
  governor.release(leases[0].leaseId, { outcome: 'success', usage: { promptTokens: 0, outputTokens: 0 } });
  const woken = await waiting;
  for (const { leaseId } of [...leases.slice(1), woken]) governor.release(leaseId, { outcome: 'success' });
  const idle = formatSnapshot(governor.snapshot());
  governor.close();

  return [
    first.result,
    `${leases.filter((lease) => lease.granted).length} granted`,
    `denied ${denied.reason} ${denied.cause}`,
    `woken ${woken.granted}`,
    busy,
    idle,
    Object.entries(events)
      .map(([type, count]) => `${type} ${count}`)
      .sort()
      .join(', '),
    saysClosed(() => governor.acquire(asked('user-8'))),
  ].join(' | ');
}

function saysClosed(call) {
  try {
    call();
    return 'open';
  } catch (error) {
    return error.code;
  }
}
