// What babel-jest, ts-jest and @swc/jest do: `import` becomes `require`.
const { transformSync } = require('esbuild');

module.exports = { process: (code) => transformSync(code, { format: 'cjs', target: 'es2022' }) };
