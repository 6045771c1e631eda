/** Bundlers that take one file and make one: each makes an ES module and CommonJS for Node, one of both, and a module
 * for a page. */
import { inChromium, inNode, OLDEST_NODE, tool } from './commands.mjs';

const forms = {
  'ES module': { input: 'bundled/node.mjs', file: 'bundle.mjs', format: 'esm', platform: 'node' },
  CommonJS: { input: 'bundled/node.cjs', file: 'bundle.cjs', format: 'cjs', platform: 'node' },
  'import and require': { input: 'bundled/mixed.mjs', file: 'bundle.mjs', format: 'esm', platform: 'node' },
  page: { input: 'bundled/page.mjs', file: 'bundle.js', format: 'esm', platform: 'browser' },
};

const bundlers = {
  esbuild({ input, out, file, format, platform }) {
    const options = ['--bundle', '--minify', `--platform=${platform}`, `--format=${format}`];
    return tool('esbuild/bin/esbuild', input, ...options, `--outfile=${out}/${file}`);
  },
  rollup({ input, out, file, format, platform }) {
    const plugins = ['-p', `node-resolve={browser:${platform === 'browser'}}`, '-p', 'commonjs'];
    return tool('rollup/dist/bin/rollup', input, ...plugins, '-f', format, '-o', `${out}/${file}`);
  },
  rolldown({ input, out, file, format, platform }) {
    const options = ['--platform', platform, '--minify', '-f', format];
    return tool('rolldown/bin/cli.mjs', input, ...options, '-o', `${out}/${file}`);
  },
  webpack({ input, out, file, format, platform }) {
    const target = platform === 'node' ? `node${OLDEST_NODE}` : 'web';
    const esm = format === 'esm' ? ['--output-module'] : [];
    const options = ['--mode', 'production', '--target', target, ...esm];
    return tool('webpack-cli/bin/cli.js', '--entry', `./${input}`, ...options, '-o', out, '--output-filename', file);
  },
};

export const plainBundlers = Object.entries(bundlers).flatMap(([name, command]) =>
  Object.entries(forms).map(([form, about]) => {
    const out = `out/${name}-${form.replaceAll(' ', '-')}`;
    const bundle = `${out}/${about.file}`;
    return {
      name: `${name}, ${form}`,
      build: () => command({ out, ...about }),
      run: () => (about.platform === 'node' ? inNode(bundle) : inChromium(`/bundled/page.html?bundle=/${bundle}`)),
      out,
    };
  }),
);
