/** A lease taken and given back by hand around a stream. */
const asked = { actorId: 'ann', action: 'stream' };

/** What a handler of a stream does: take, read to the end, give back, whatever happens. */
async function readUnderLease(governor, stream) {
  const decision = governor.acquire(asked);
  if (!decision.granted) return undefined;
  const chunks = [];
  try {
    for await (const chunk of stream(governor)) chunks.push(chunk);
    governor.release(decision.leaseId, { outcome: 'success' });
  } catch (error) {
    governor.release(decision.leaseId, { outcome: 'error' });
    throw error;
  }
  return chunks.join(' ');
}

export function streams({ throttleai: { createGovernor } }) {
  return {
    'one that ends': async () => {
      const governor = createGovernor();
      const read = await readUnderLease(governor, async function* ({ activeLeases }) {
        yield `${activeLeases} held`;
        yield 'still';
      });
      return `${read}, then ${governor.activeLeases}`;
    },
    'one that breaks': async () => {
      const governor = createGovernor();
      const broken = readUnderLease(governor, async function* () {
        yield 'one';
        throw new Error('the line broke');
      });
      return `${await broken.catch(({ message }) => message)}, then ${governor.activeLeases}`;
    },
    'one that is denied': async () => {
      const governor = createGovernor({ concurrency: { maxInFlight: 1 } });
      governor.acquire(asked);
      return String(await readUnderLease(governor, async function* () {}));
    },
  };
}
