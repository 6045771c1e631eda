/** Parts of messages, and items of OpenAI's responses, by their type: those of OpenAI and of Anthropic in one table. */
import { hiddenTokens, type Ask } from './ask.ts';
import type { Field } from './field.ts';
import { imageSizeOf, type ImageSize } from './image-size.ts';
import { anthropicImageTokens, openaiImageTokens } from './images.ts';

type Rule = (part: Field, ask: Ask) => number;

/** The text in one property is all that counts. */
const textIn =
  (key: string): Rule =>
  (part, ask) =>
    ask.counter.text(part.get(key).text());
/** All of it is text: calls, results of searches, what is encrypted. More than what the model sees. */
const whole: Rule = (part, ask) => ask.counter.json(part);
/** Sound, files, or what the provider keeps: nothing here says how much it is. */
const hidden: Rule = (part, ask) => hiddenTokens(part, part.get('type').textOr(''), ask);

const RULES: Readonly<Record<string, Rule>> = {
  text: textIn('text'),
  input_text: textIn('text'),
  output_text: textIn('text'),
  summary_text: textIn('text'),
  reasoning_text: textIn('text'),
  refusal: textIn('refusal'),
  thinking: textIn('thinking'),
  image_url: (part, ask) => openaiImage(part.get('image_url'), part, ask),
  input_image: (part, ask) => openaiImage(part.get('image_url'), part, ask),
  computer_screenshot: (part, ask) => openaiImage(part.get('image_url'), part, ask),
  image: (part, ask) => anthropicImageTokens(ask.model, sourceSize(part.get('source'))),
  tool_result: (part, ask) => contentTokens(part.get('content'), ask),
  function_call_output: (part, ask) => contentTokens(part.get('output'), ask),
  custom_tool_call_output: (part, ask) => contentTokens(part.get('output'), ask),
  computer_call_output: (part, ask) => partTokens(part.get('output'), ask),
  document: documentTokens,
};

const WHOLE_AT_ANTHROPIC = [
  'tool_use',
  'server_tool_use',
  'mcp_tool_use',
  'mcp_tool_result',
  'search_result',
  'redacted_thinking',
  'compaction',
  'web_search_tool_result',
  'web_fetch_tool_result',
  'tool_search_tool_result',
  'code_execution_tool_result',
  'bash_code_execution_tool_result',
  'text_editor_code_execution_tool_result',
];

const WHOLE_AT_OPENAI = [
  'function_call',
  'custom_tool_call',
  'reasoning',
  'web_search_call',
  'file_search_call',
  'code_interpreter_call',
  'computer_call',
  'mcp_call',
  'mcp_list_tools',
  'mcp_approval_request',
  'mcp_approval_response',
  'local_shell_call',
  'local_shell_call_output',
  'shell_call',
  'shell_call_output',
  'apply_patch_call',
  'apply_patch_call_output',
];

const HIDDEN = [
  'input_audio',
  'audio',
  'audio_url',
  'video_url',
  'input_file',
  'file',
  'container_upload',
  'item_reference',
  'image_generation_call',
];

const TABLE: ReadonlyMap<string, Rule> = new Map([
  ...Object.entries(RULES),
  ...[...WHOLE_AT_ANTHROPIC, ...WHOLE_AT_OPENAI].map((type): [string, Rule] => [type, whole]),
  ...HIDDEN.map((type): [string, Rule] => [type, hidden]),
]);

/**
 * Tokens of one part.
 *
 * @throws InputError if its type is not known, or hides how much it holds
 */
export function partTokens(part: Field, ask: Ask): number {
  if (typeof part.value === 'string') return ask.counter.text(part.value);
  if (!part.isObject) throw part.bad('a text, or an object with a type');
  const type = part.get('type');
  const given = ask.partTokens.get(type.textOr(''));
  if (given !== undefined) return given;
  const rule = TABLE.get(type.text());
  if (rule !== undefined) return rule(part, ask);
  throw type.bad(`one of ${[...TABLE.keys()].join(', ')}, or one that options.partTokens has a number for`);
}

/** Tokens of a text, of a list of parts, or of nothing. */
export function contentTokens(content: Field, ask: Ask): number {
  if (content.absent) return 0;
  if (!content.isArray) return ask.counter.text(content.text());
  return content.items().reduce((sum, part) => sum + partTokens(part, ask), 0);
}

/** `image_url` is an address, or an object with one; `detail` stands beside or inside. */
function openaiImage(url: Field, part: Field, ask: Ask): number {
  const inside = url.isObject;
  const address = (inside ? url.get('url') : url).textOr('');
  const detail = (inside ? url : part).get('detail').textOr('auto');
  return openaiImageTokens(ask.model, dataSize(address), detail);
}

function dataSize(address: string): ImageSize | undefined {
  // The header of a data address is short; a long address is not searched for its comma.
  const comma = address.slice(0, 200).indexOf(';base64,');
  if (!address.startsWith('data:') || comma < 0) return undefined;
  return imageSizeOf(address.slice(comma + ';base64,'.length));
}

/** Of Anthropic's `source`: `base64`, or an address or a file. */
function sourceSize(source: Field): ImageSize | undefined {
  const data = source.get('data').textOr(undefined);
  return data === undefined ? undefined : imageSizeOf(data);
}

/** A document of Anthropic's: text can be counted, pages of a PDF cannot. */
function documentTokens(part: Field, ask: Ask): number {
  const source = part.get('source');
  const about = ask.counter.json(part.get('title')) + ask.counter.json(part.get('context'));
  const type = source.get('type').textOr('');
  if (type === 'text') return about + ask.counter.text(source.get('data').text());
  if (type === 'content') return about + contentTokens(source.get('content'), ask);
  return hiddenTokens(part, 'document', ask);
}
