/**
 * Lines for minified code. Node prints the line that an uncaught error comes from above its message: were a file one line,
 * that would be 300 KB, and what reads it through a pipe would not get the message at all.
 */
import { parseAst } from 'rolldown/parseAst';

/** Where every line begins. Nothing but functions costs little, as what comes before and behind is always alike. */
const ALWAYS = /^(Function|Class)Declaration$|^MethodDefinition$/;

/** Where a line may begin, once it is long. Nowhere here does a new line mean anything to the language. */
const POSSIBLE = /^(?!Block).*Statement$|Declaration$|^(VariableDeclarator|MethodDefinition|StaticBlock)$/;

const LONG = 500;

/** @param {string} code an ES module or CommonJS @returns {string} the same program; literals stay whole */
export function inLines(code) {
  const lines = [];
  let from = 0;
  for (const { type, start } of nodes(parseAst(code)).sort((a, b) => a.start - b.start)) {
    if (start === from || !(ALWAYS.test(type) || (start - from > LONG && POSSIBLE.test(type)))) continue;
    lines.push(code.slice(from, start));
    from = start;
  }
  return [...lines, code.slice(from)].join('\n');
}

function nodes(root) {
  const found = [root];
  for (const node of found) {
    for (const child of Object.values(node).flat()) if (typeof child?.type === 'string') found.push(child);
  }
  return found;
}
