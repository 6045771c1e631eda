/**
 * Tokens of an image. Providers count pixels in tiles or patches, and shrink what is too large first. Where the size cannot
 * be seen (an address, a file id), an image counts as the largest that is usual; `partTokens` says otherwise.
 *
 * Sources, as of November 2026: OpenAI, "Images and vision"; Anthropic, "Vision", "Resolution and token cost"; Google,
 * "Understand and count tokens", "Media resolution". Models come and go: of each provider, one that is not named is counted as
 * those that are new.
 */
import type { ImageSize } from './image-size.ts';

/** Rounded up everywhere: results are whole. */
type TokensOf = (size: ImageSize | undefined, detail: string) => number;

/** The first row whose pattern is found in the model's name counts. */
const OPENAI: readonly (readonly [models: RegExp, tokensOf: TokensOf])[] = [
  [/gpt-4o-mini/, tiles(2833, 5667)],
  [/gpt-4\.1-mini|gpt-5(\.4)?-mini/, patches(1.62, 1_536)],
  [/gpt-4\.1-nano|gpt-5(\.4)?-nano/, patches(2.46, 1_536)],
  [/o4-mini/, patches(1.72, 1_536)],
  [/gpt-4o|gpt-4\.1|gpt-4\.5|gpt-4-turbo|gpt-4-.*vision|chatgpt-4o/, tiles(85, 170)],
  [/computer-use-preview/, tiles(65, 129)],
  [/(^|[^a-z])o[13]($|[^0-9])/, tiles(75, 150)],
  // Measured by others: these count 1.2 tokens a patch, which the source does not say.
  [/gpt-5\.[23]|codex/, patches(1.2, 1_536)],
  [/gpt-5($|-chat|-20|-pro)|gpt-5\.1/, tiles(70, 140)],
  [/gpt-5\.4/, patches(1, 2_500, 10_000)],
  [/gpt-5\.5/, patches(1, 2_500, 10_000, 'original')],
  [/gpt-5\.[6-9]|gpt-[6-9]/, patches(1, 2_500, 30_000, 'original')],
];
/** Of models that no row names: other providers take OpenAI's form too. */
const OTHERS: TokensOf = patches(1, 2_500, 10_000);

/** @param detail `low`, `high`, `original`, or anything else for the model's choice */
export function openaiImageTokens(model: string, size: ImageSize | undefined, detail: string): number {
  const tokensOf = OPENAI.find(([models]) => models.test(model))?.[1] ?? OTHERS;
  return tokensOf(size, detail);
}

/** Fitted into 2048 x 2048, then to 768 on the short side, then covered by tiles of 512 x 512. */
function tiles(base: number, tile: number): TokensOf {
  /** Of 768 x 2048: no image has more. */
  const tilesMax = 8;
  return (size, detail) => {
    if (detail === 'low') return base;
    if (size === undefined) return base + tilesMax * tile;
    const long = Math.max(size.width, size.height);
    const short = Math.min(size.width, size.height);
    const fitted = Math.min(1, 2_048 / long);
    const scale = fitted * Math.min(1, 768 / (short * fitted));
    const across = (side: number): number => Math.ceil(Math.round(side * scale) / 512);
    return base + Math.max(1, Math.min(tilesMax, across(size.width) * across(size.height))) * tile;
  };
}

/** Patches of an image that was shrunk to 512 x 512. */
const LOW_PATCHES = 256;
/** An image of unknown size has no more: 3,200 x 3,200 pixels. */
const UNKNOWN_PATCHES_MAX = 10_000;

/**
 * Covered by patches of 32 x 32, or shrunk until so many cover it.
 *
 * @param tokens of a patch
 * @param high most patches at detail `high`
 * @param original most at detail `original`
 * @param choice what the model does when no detail is given
 */
function patches(tokens: number, high: number, original = high, choice: 'high' | 'original' = 'high'): TokensOf {
  return (size, detail) => {
    if (detail === 'low') return Math.ceil(LOW_PATCHES * tokens);
    const whole = detail === 'original' || (detail !== 'high' && choice === 'original');
    const most = whole ? original : high;
    const count = size === undefined ? UNKNOWN_PATCHES_MAX : cover(size.width, 32) * cover(size.height, 32);
    return Math.ceil(Math.min(most, count) * tokens);
  };
}

const cover = (side: number, by: number): number => Math.ceil(side / by);

/** Claude 3 to 4.6 sees at most 1568 x 1568 pixels of some 1.15 million; later models take images of 4784 tokens. */
const ANTHROPIC_STANDARD = /claude-(3|[a-z]+-3|[a-z]+-4($|@|-[0-6]($|[^0-9])|-20))/;

/** One token for each patch of 28 x 28, or for 750 pixels as earlier documents have it: the larger of the two. */
export function anthropicImageTokens(model: string, size: ImageSize | undefined): number {
  const most = ANTHROPIC_STANDARD.test(model) ? 1_600 : 4_784;
  if (size === undefined) return most;
  const { width, height } = size;
  return Math.min(most, Math.max(cover(width, 28) * cover(height, 28), Math.ceil((width * height) / 750)));
}

/** Tokens of an image at each resolution, from Gemini 3 on. */
const GEMINI_RESOLUTIONS: ReadonlyMap<string, number> = new Map([
  ['MEDIA_RESOLUTION_LOW', 280],
  ['MEDIA_RESOLUTION_MEDIUM', 560],
  ['MEDIA_RESOLUTION_HIGH', 1_120],
  ['MEDIA_RESOLUTION_ULTRA_HIGH', 2_240],
]);
const GEMINI_TILE = 258;
/** An image of unknown size has no more: 2304 x 2304 pixels. */
const GEMINI_UNKNOWN_TILES = 9;

/** @param resolution `MEDIA_RESOLUTION_...`, or anything else for the model's choice, which is HIGH */
export function geminiImageTokens(model: string, size: ImageSize | undefined, resolution: string): number {
  if (!/gemini-(1|2|pro)/.test(model)) return GEMINI_RESOLUTIONS.get(resolution) ?? 1_120;
  if (size === undefined) return GEMINI_UNKNOWN_TILES * GEMINI_TILE;
  const { width, height } = size;
  if (width <= 384 && height <= 384) return GEMINI_TILE;
  // Tiles are two thirds of the short side, but from 256 to 768.
  const tile = Math.min(768, Math.max(256, Math.floor(Math.min(width, height) / 1.5)));
  return cover(width, tile) * cover(height, tile) * GEMINI_TILE;
}
