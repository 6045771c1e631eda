// An app that imports the package, with a dependency that requires it: by the condition `module` they share one copy.
import { line } from './app.mjs';
import * as dependency from './app.cjs';

globalThis.dependency = dependency;
line().then(console.log);
