/** Ties the governor to a way of loading the wasm. Each entry point does this once, with its own loader. */
import { Governor as CoreGovernor } from './governor.ts';
import type { Loader } from './loader.ts';
import type { GovernorConfig, GovernorOptions } from './types.ts';

/** The constructor that users see: a governor without the loader in its parameters. */
export interface GovernorClass {
  /** @throws ConfigError naming the field, the value and the allowed range; then nothing was made */
  new (config?: GovernorConfig | null, options?: GovernorOptions | null): CoreGovernor;
  readonly prototype: CoreGovernor;
}

export interface GovernorApi {
  readonly Governor: GovernorClass;
  /** Documented where users get it: in `entrypoints/`. */
  readonly createGovernor: (config?: GovernorConfig | null, options?: GovernorOptions | null) => CoreGovernor;
}

/** @internal */
export function bindGovernor(loader: Loader): GovernorApi {
  class Governor extends CoreGovernor {
    constructor(config?: GovernorConfig | null, options?: GovernorOptions | null) {
      super(loader, config, options);
    }
  }
  return { Governor, createGovernor: (config, options) => new Governor(config, options) };
}
