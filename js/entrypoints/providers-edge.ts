/**
 * `throttleai/providers` for Workers and edge runtimes, which compile wasm ahead of time and hand over a module. The same names as
 * everywhere else.
 *
 * @module
 */
import { bindProviders, type ProvidersApi } from '../providers/api.ts';
import module from './providers.wasm?module';

export * from '../providers/index.ts';

const api: ProvidersApi = bindProviders(() => module);

/** Says what an answer means. */
export const readAnswer: ProvidersApi['readAnswer'] = api.readAnswer;
/** What a call used, from the body of its answer or an event of its stream. */
export const readUsage: ProvidersApi['readUsage'] = api.readUsage;
/** The dialect that is spoken at a URL or host. */
export const detectDialect: ProvidersApi['detectDialect'] = api.detectDialect;
/** The table of a dialect that comes with the package. */
export const dialectTable: ProvidersApi['dialectTable'] = api.dialectTable;
/** A dialect of one's own. */
export const defineDialect: ProvidersApi['defineDialect'] = api.defineDialect;
