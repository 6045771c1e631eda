/**
 * Where answers say what they used, for adapters: the usage rows of all dialects in one table, asked of their wasm. Adapters
 * need no wasm for this, and the rows stay in one place, `src/provider/table.rs`.
 *
 * A row that adds to another belongs to the rows of its dialect that stand beside it in the answer: cached tokens are not in
 * `input_tokens` of Anthropic, but they are in `prompt_tokens` of a gateway that reports both. Rows about headers are left out.
 */

/** Operation of `src/provider/wire.rs`. */
const DIALECT = 1;

/** What the first event of Anthropic's streams says of output is its first token: no number for a stream that breaks. */
const PRELIMINARY = 'message.usage.output_tokens';

const COUNTS = ['inputTokens', 'outputTokens', 'totalTokens', 'cachedInputTokens'];

/** A module for `js/adapters/internal/usage.ts` to read, and its declaration. @param {Uint8Array} wasm of the dialects */
export function usageRowsModule(wasm) {
  const ask = asker(wasm);
  const table = Object.fromEntries(COUNTS.map((count) => [count, new Map()]));
  for (const name of ask({})) {
    const rows = ask({ table: name }).usage.filter(({ body }) => body !== undefined && body !== PRELIMINARY);
    for (const { body, count } of rows.filter(({ count, adds }) => COUNTS.includes(count) && !adds)) {
      const added = rows.filter((row) => row.adds && row.count === count && parent(row.body) === parent(body));
      const known = table[count].get(body) ?? [];
      table[count].set(body, [...new Set([...known, ...added.map((row) => row.body)])]);
    }
  }
  const plain = Object.fromEntries(COUNTS.map((count) => [count, [...table[count]].map(([base, adds]) => [base, ...adds])]));
  const type = 'Readonly<Record<' + COUNTS.map((count) => `'${count}'`).join(' | ') + ', readonly (readonly string[])[]>>';
  return {
    source: `export const usageRows = ${JSON.stringify(plain, null, 2)};\n`,
    declaration: `export declare const usageRows: ${type};\n`,
  };
}

const parent = (path) => path.slice(0, path.lastIndexOf('.') + 1);

function asker(bytes) {
  const wasm = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports;
  return (question) => {
    const about = new TextEncoder().encode(JSON.stringify(question));
    const at = wasm.providers_input(about.length) >>> 0;
    new Uint8Array(wasm.memory.buffer, at, about.length).set(about);
    const length = wasm.providers_call(DIALECT, about.length, 0) >>> 0;
    const answer = new Uint8Array(wasm.memory.buffer, wasm.providers_output() >>> 0, length);
    return JSON.parse(new TextDecoder().decode(answer));
  };
}
