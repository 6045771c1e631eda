/** What is said where WebAssembly cannot be had, by every entry that brings some. */

/** A runtime without WebAssembly. */
export function noWasmText(): string {
  return 'throttleai needs WebAssembly, and this runtime has none. Run Node without --jitless.';
}

/** A runtime that has it, but does not let it be compiled. */
export function wasmRefusedText(cause: string): string {
  return (
    `The WebAssembly of throttleai cannot be compiled here. A content security policy must allow 'wasm-unsafe-eval'; ` +
    `on Workers, bundle with the condition "workerd". Cause: ${cause}`
  );
}
