/** With `--experimental-vm-modules` the test runs as the ES module it is, otherwise as the CommonJS that is made of it. */
const esm = process.execArgv.includes('--experimental-vm-modules');

module.exports = {
  rootDir: '../bundled',
  testEnvironment: 'jsdom',
  testMatch: ['**/*.test.mjs'],
  moduleFileExtensions: ['mjs', 'cjs', 'js'],
  transform: esm ? {} : { '\\.mjs$': '../jest/to-commonjs.cjs' },
};
