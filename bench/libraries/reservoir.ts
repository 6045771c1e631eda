/** Bottleneck with a refilled reservoir, whose settings may be changed. */

export interface Reservoir {
  call(work: () => Promise<void>): Promise<unknown>;
  /** Sets what is there now, as is said to be allowed while it is refilled. */
  refill(amount: number): void;
  close(): Promise<void>;
}

/** Holds one call; another one is added every `intervalMs`. */
export async function reservoirOfOne(intervalMs: number): Promise<Reservoir> {
  const { default: Bottleneck } = await import('bottleneck');
  const limiter = new Bottleneck({
    reservoir: 1,
    reservoirIncreaseAmount: 1,
    reservoirIncreaseInterval: intervalMs,
    reservoirIncreaseMaximum: 1,
  });
  return {
    call: (work) => limiter.schedule(work),
    refill: (amount) => void limiter.updateSettings({ reservoir: amount }),
    close: () => limiter.disconnect(),
  };
}
