/** How bundlers for Workers and edge runtimes hand over a compiled module. */
declare module '*.wasm?module' {
  const module: object;
  export default module;
}
