/**
 * One governor's end of the boundary: the handle, the view over linear memory, and what happens when a call traps.
 *
 * A trap leaves the core in the middle of something. If it was a panic, only this governor is lost; after anything else
 * (memory, stack) the instance is suspect and is given up. Either way the shadow stack is put back, and from then on every
 * call throws the same error. Nothing of the caller's runs while a call is inside, so the stack pointer is the same before
 * every call.
 */
import { View, type CoreHandle, type Glue } from './binding.ts';
import { ClosedError, PoisonedError, type GovernorError } from './errors.ts';
import type { Instance, Loader } from './loader.ts';
import { faultText, panicText } from './texts.ts';

export class Port {
  /** The current view; empty once memory has grown. Read it through `look()` after a call. */
  #view: Float64Array = new Float64Array(0);
  #core: CoreHandle | undefined;
  #fault: GovernorError | undefined;
  readonly #loader: Loader;
  readonly #instance: Instance;
  readonly #stackTop: number;

  /**
   * @param make makes the handle
   * @param refusal the error for what the core refused; undefined: it was a trap
   */
  constructor(
    loader: Loader,
    make: (glue: Glue) => CoreHandle,
    refusal: (error: unknown) => GovernorError | undefined,
  ) {
    this.#loader = loader;
    this.#instance = loader.current();
    this.#stackTop = this.#instance.stackPointer.value;
    try {
      this.#core = make(this.#instance.glue);
    } catch (error) {
      throw refusal(error) ?? this.trap(error);
    }
  }

  /** The handle. @throws ClosedError, PoisonedError */
  use(): CoreHandle {
    if (this.#core === undefined || !this.#instance.alive) throw this.#lost();
    return this.#core;
  }

  /** Why calls are impossible; undefined while they are not. */
  get fault(): GovernorError | undefined {
    return this.#core === undefined || !this.#instance.alive ? this.#lost() : undefined;
  }

  /** The view after a call: a growth of memory during it has detached the one before. */
  look(): Float64Array {
    return this.#view.length === 0 ? this.#renew() : this.#view;
  }

  /** Writes what the next command reads beside its arguments. */
  hand(amounts: readonly number[]): void {
    this.look().set(amounts, View.IN_COST);
  }

  #renew(): Float64Array {
    const offset = this.use().view_ptr();
    return (this.#view = new Float64Array(this.#instance.memory.buffer, offset, View.LENGTH));
  }

  /** Takes in what a call into the core threw. @returns what to throw, now and at every later call */
  trap(error: unknown): GovernorError {
    this.#instance.stackPointer.value = this.#stackTop;
    const panic = this.#panicMessage();
    if (panic === undefined) this.#loader.discard(this.#instance);
    // The handle is dropped, not freed: the core inside is still in the middle of the call.
    this.#core = undefined;
    this.#fault = new PoisonedError(panic === undefined ? faultText(String(error)) : panicText(panic), {
      cause: error,
    });
    return this.#fault;
  }

  #panicMessage(): string | undefined {
    try {
      return this.#instance.glue.take_panic();
    } catch {
      return undefined;
    }
  }

  #lost(): GovernorError {
    this.#fault ??= new PoisonedError(faultText('a failure in another governor'));
    return this.#fault;
  }

  /** 53 random bits; undefined where the platform has no source now (module scope of a Worker, Node 18). */
  randomSeed(): number | undefined {
    try {
      return this.#instance.glue.random_seed();
    } catch {
      this.#instance.stackPointer.value = this.#stackTop;
      return undefined;
    }
  }

  /** Frees the core; later calls throw `ClosedError`. Idempotent. */
  close(): void {
    const core = this.#core;
    if (core === undefined) return;
    this.#core = undefined;
    this.#view = new Float64Array(0);
    this.#fault = new ClosedError();
    if (!this.#instance.alive) return;
    try {
      core.free();
    } catch (error) {
      this.trap(error);
      this.#fault = new ClosedError();
    }
  }
}
