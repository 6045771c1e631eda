/** The test clock, leases that end by themselves, and shutting down. */
const asked = { actorId: 'ann', action: 'chat' };

export function lifecycle({ throttleai: { createGovernor, createTestClock } }) {
  const brief = (clock, others) => createGovernor({ leaseTtlMs: 1_000, reaperIntervalMs: 500, clock, ...others });

  return {
    'a test clock': () => {
      const clock = createTestClock(5_000);
      clock.advance(60_000);
      return `${clock.time} ${clock.fn()}`;
    },
    'a clock that is only a function': () => {
      let now = 7_000;
      const governor = brief(() => now);
      const first = governor.acquire(asked).expiresAt;
      now += 10;
      return `${first} ${governor.acquire(asked).expiresAt}`;
    },
    'a window that slides': () => {
      const clock = createTestClock(100_000);
      const governor = createGovernor({ rate: { requestsPerMinute: 1 }, clock });
      const granted = [governor.acquire(asked).granted, governor.acquire(asked).granted];
      clock.advance(60_000);
      return [...granted, governor.acquire(asked).granted].join(' ');
    },
    'a forgotten lease': () => {
      const clock = createTestClock();
      const seen = [];
      const governor = brief(clock, { onEvent: ({ type }) => seen.push(type) });
      governor.acquire(asked);
      clock.advance(1_500);
      return `${seen.join(' ')}, ${governor.activeLeases} leases`;
    },
    'dispose: no more sweeps, acquire answers': () => {
      const clock = createTestClock();
      const governor = brief(clock);
      const { leaseId } = governor.acquire(asked);
      governor.dispose();
      governor.dispose();
      clock.advance(10_000);
      const unswept = governor.activeLeases;
      governor.release(leaseId);
      return `${unswept} left, ${governor.activeLeases} after its release, ${governor.acquire(asked).granted}`;
    },
    // The documents leave such a lease until its release; here its slot is free, as it is without `dispose`.
    'dispose: the next acquire frees what has expired': () => {
      const clock = createTestClock();
      const governor = brief(clock, { concurrency: { maxInFlight: 1 } });
      governor.acquire(asked);
      governor.dispose();
      const during = governor.acquire(asked).granted;
      clock.advance(10_000);
      return `${during}, then ${governor.acquire(asked).granted}`;
    },
    'dispose on SIGINT': () => {
      const clock = createTestClock();
      const governor = brief(clock);
      governor.acquire(asked);
      process.once('SIGINT', () => governor.dispose());
      process.emit('SIGINT');
      clock.advance(10_000);
      return `${governor.activeLeases} unswept`;
    },
  };
}
