/** Bounds that several places check before the core does. The core has the last word. */

/** Tokens of one half of an estimate or report: the core counts no more, so a larger one would pass a limit that it is above. */
export const TOKENS_MAX = 1e12;
