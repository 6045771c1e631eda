/** Stands for a framework whose types are not installed: see `paths` in tsconfig.core.json. */
export {};
