const SLOTS = 3;

async function scenes(origin) {
  const ask = async (path, init) => JSON.parse((await (await fetch(`${origin}/${path}`, init)).text()) || 'null');
  const many = (count, path, init) => Array.from({ length: count }, () => ask(path, init));
  const counted = async (answers) => {
    const seen = {};
    for (const answer of await Promise.all(answers)) seen[answer] = (seen[answer] ?? 0) + 1;
    return Object.entries(seen).map(([answer, count]) => `${count} ${answer}`);
  };

  // A slot that is given back in one request is granted in another.
  const slots = await counted(many(60, 'call?timeoutMs=60000'));
  // Nothing is given back: each of these is answered by time alone.
  const held = await Promise.all(many(SLOTS, 'hold'));
  const late = await counted(many(40, 'call?timeoutMs=200'));
  await Promise.all(held.map((leaseId) => ask(`release/${leaseId}`)));
  // Who is granted ends its request, and its timers with it. Some clients leave while they wait.
  const leaving = new AbortController();
  const gone = many(5, 'window?timeoutMs=30000', { signal: leaving.signal });
  const windows = many(30, 'window?timeoutMs=30000');
  while ((await ask('state')).waiting === 0);
  leaving.abort();
  await Promise.allSettled(gone);
  const served = await counted(windows);
  const { most, left } = await ask('state');
  return `slots ${slots}, at most ${most}; held ${late}; windows ${served}; left ${left}`;
}

export const visit = async (origin) =>
  `module ${await scenes(`${origin}/module`)} | object ${await scenes(`${origin}/object`)}`;
