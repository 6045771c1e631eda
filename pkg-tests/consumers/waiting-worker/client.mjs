async function scene(origin) {
  const ask = async (path) => (await fetch(`${origin}/${path}`)).json();
  const many = (count, path) => Array.from({ length: count }, () => ask(path));
  const counted = async (answers) => {
    const seen = {};
    for (const answer of await Promise.all(answers)) seen[answer] = (seen[answer] ?? 0) + 1;
    return JSON.stringify(seen);
  };
  const all = await counted(many(60, 'call?work=10&timeout=60000'));
  const long = many(3, 'call?work=1500&timeout=60000');
  while ((await ask('state')).activeLeases < 3);
  // Each of these ends its wait by a timer of its own request: nothing is released meanwhile.
  const late = await counted(many(20, 'call?work=0&timeout=200'));
  await Promise.all(long);
  const { activeLeases, most } = await ask('state');
  return `${all} ${late} at most ${most}, left ${activeLeases}`;
}

export const visit = async (origin) => `${await scene(origin)} | object ${await scene(`${origin}/object`)}`;
