/** Requests of Google's Gemini, as the REST interface and the SDKs have them, in both spellings (`inlineData`, `inline_data`). */
import { hiddenTokens, type Ask } from './ask.ts';
import type { Field } from './field.ts';
import { imageSizeOf } from './image-size.ts';
import { geminiImageTokens } from './images.ts';
import { toolsTokens } from './tools.ts';

/** What surrounds each content. No source: as with OpenAI. */
const CONTENT_TOKENS = 4;

/** Settings: of the SDK (`config`), or of the REST interface. */
export function settingsOf(request: Field): Field {
  const config = request.get('config');
  return config.absent ? request.either('generationConfig', 'generation_config') : config;
}

/** `{ contents }`, `{ content }` (embeddings). */
export function contentsTokens(request: Field, contents: Field, ask: Ask): number {
  const settings = settingsOf(request);
  const resolution = settings.either('mediaResolution', 'media_resolution').textOr('');
  const counting: Counting = { ask, resolution };
  let tokens = contentTokens(contents, counting);
  // What the REST interface has beside its settings, the SDK has among them.
  for (const place of new Set([request, settings])) {
    tokens += contentTokens(place.either('systemInstruction', 'system_instruction'), counting);
    tokens += toolsTokens(place.get('tools'), ask);
    const cached = place.either('cachedContent', 'cached_content');
    if (!cached.absent) tokens += hiddenTokens(cached, 'cachedContent', ask);
  }
  tokens += ask.counter.json(settings.either('responseSchema', 'response_schema'));
  return tokens + ask.counter.json(settings.either('responseJsonSchema', 'response_json_schema'));
}

interface Counting {
  readonly ask: Ask;
  /** Of images, for the whole request; empty: the model's choice. */
  readonly resolution: string;
}

/** A text, a part, a content (`{ role, parts }`), or a list of these. */
function contentTokens(content: Field, counting: Counting): number {
  if (content.absent) return 0;
  if (content.isArray) return content.items().reduce((sum, item) => sum + contentTokens(item, counting), 0);
  if (!content.isObject) return CONTENT_TOKENS + counting.ask.counter.text(content.text());
  const parts = content.get('parts');
  if (parts.absent) return CONTENT_TOKENS + partTokens(content, counting);
  const list = parts.isArray ? parts.items() : [parts];
  return list.reduce((sum, part) => sum + partTokens(part, counting), CONTENT_TOKENS);
}

/** Parts that are written out; more than what the model sees. */
const WHOLE = ['functionCall', 'functionResponse', 'executableCode', 'codeExecutionResult', 'thoughtSignature'];
/** How a part is to be read, not what is in it. */
const ABOUT = ['thought', 'mediaResolution', 'videoMetadata', 'partMetadata'];

function partTokens(part: Field, { ask, resolution }: Counting): number {
  if (typeof part.value === 'string') return ask.counter.text(part.value);
  if (!part.isObject) throw part.bad('a text or an object');
  let tokens = 0;
  for (const key of part.keys()) {
    const name = key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
    const field = part.get(key);
    const given = ask.partTokens.get(name);
    if (field.absent || ABOUT.includes(name)) continue;
    else if (given !== undefined) tokens += given;
    else if (name === 'text') tokens += ask.counter.text(field.text());
    else if (WHOLE.includes(name)) tokens += ask.counter.json(field);
    else if (name === 'inlineData' || name === 'fileData') {
      const own = part.either('mediaResolution', 'media_resolution').get('level').textOr(resolution);
      tokens += mediaTokens(field, name, own, ask);
    } else throw field.bad(`in one of text, inlineData, fileData, ${WHOLE.join(', ')}, or one in options.partTokens`);
  }
  return tokens;
}

/** An image; of sound, video and documents nothing here says how much they are. */
function mediaTokens(media: Field, name: string, resolution: string, ask: Ask): number {
  if (!media.either('mimeType', 'mime_type').textOr('').startsWith('image/')) return hiddenTokens(media, name, ask);
  const data = media.get('data').textOr(undefined);
  return geminiImageTokens(ask.model, data === undefined ? undefined : imageSizeOf(data), resolution);
}
