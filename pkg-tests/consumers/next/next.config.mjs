import { fileURLToPath } from 'node:url';

/**
 * An app with a package.json of its own: with `"type": "module"`, as in the project around it, Next's webpack build of an
 * edge route fails, whatever the route imports. The packages are one folder up.
 */
export default { turbopack: { root: fileURLToPath(new URL('..', import.meta.url)) } };
