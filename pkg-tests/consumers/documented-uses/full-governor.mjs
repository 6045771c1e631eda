export const asked = { actorId: 'ann', action: 'chat' };

/** A governor whose only slot is taken, its clock, and what frees the slot. */
export function full({ createGovernor, createTestClock }) {
  const clock = createTestClock();
  const governor = createGovernor({ concurrency: { maxInFlight: 1 }, clock });
  const { leaseId } = governor.acquire({ actorId: 'bob', action: 'chat' });
  return { clock, governor, free: () => governor.release(leaseId, { outcome: 'success' }) };
}
