/** Tools that a request offers. What tools of the provider (search, code) add while they run cannot be known before. */
import type { Ask } from './ask.ts';
import type { Field } from './field.ts';

/**
 * What surrounds the list of tools, and each tool, beside their JSON (which is more than what the model sees of them).
 * Source: OpenAI cookbook, "How to count tokens with tiktoken" (12; 7 or 10).
 */
const TOOLS_TOKENS = 12;
const TOOL_TOKENS = 10;
/** Most that the system prompt for tools has at Anthropic, which is Opus 4.7's. Source: Anthropic, "Tool use", "Pricing". */
const ANTHROPIC_TOOLS_TOKENS = 804;
/** Most that one of Anthropic's own tools has, which is computer use. Source: the same. */
const ANTHROPIC_OWN_TOOL_TOKENS = 735;

/** `tools`, of any provider. */
export function toolsTokens(tools: Field, ask: Ask): number {
  if (tools.absent) return 0;
  const list = tools.items('a list of tools');
  if (list.length === 0) return 0;
  const ours = list.filter((tool) => !tool.get('input_schema').absent);
  // `web_search_20250305`: at Anthropic, types with a date are its own tools.
  const own = list.filter((tool) => /_20\d{6}$/.test(tool.get('type').textOr('')));
  const anthropic = ours.length + own.length > 0 ? ANTHROPIC_TOOLS_TOKENS : 0;
  return (
    list.reduce((sum, tool) => sum + ask.counter.json(tool), TOOLS_TOKENS + TOOL_TOKENS * list.length) +
    anthropic +
    ANTHROPIC_OWN_TOOL_TOKENS * own.length
  );
}
