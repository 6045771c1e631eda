/** Rules that look at the text of files. Each returns what breaks it, as `path:line: why`. */

/** The text with comments blanked out, lines kept. Good enough for search: strings that hold `//` lose their rest. */
export function withoutComments(text) {
  const blank = (comment) => comment.replace(/[^\n]/g, ' ');
  return text
    .replace(/\/\*[\s\S]*?\*\//g, blank)
    .replace(/(^|[^:])\/\/.*$/gm, (all, before) => before + blank(all.slice(before.length)));
}

/** Lines up to the tests that end a Rust file. */
const body = ({ text }) => text.split(/^#\[cfg\(test\)\]/m)[0].split('\n');

export const fileSizes = (files, max) =>
  files.filter((file) => body(file).length > max + 1).map((file) => `${file.path}: ${body(file).length} lines`);

/** Rust functions, as rustfmt lays them out: from `fn` to the closing brace at the same indentation. */
export function functionSizes(files, max) {
  return files.flatMap((file) => {
    const lines = body(file);
    return lines.flatMap((line, start) => {
      const opened = /^(\s*)(?:pub(?:\([^)]*\))? )?(?:const |unsafe |extern "C" )*fn (\w+)/.exec(line);
      if (opened === null) return [];
      const end = lines.findIndex((later, index) => index >= start && later === `${opened[1]}}`);
      const length = end - start + 1;
      return length > max ? [`${file.path}:${start + 1}: ${opened[2]} has ${length} lines`] : [];
    });
  });
}

/** `pattern` may occur, outside comments, in the `allowed` files only. */
export const callsOnlyIn = (files, pattern, allowed) =>
  forbidden(
    files.filter(({ path }) => !allowed.includes(path)),
    pattern,
    withoutComments,
  );

export const forbiddenText = (files, pattern) =>
  forbidden(
    files.filter(({ path }) => !path.startsWith('scripts/tidy')),
    pattern,
    (text) => text,
  );

function forbidden(files, pattern, prepare) {
  return files.flatMap(({ path, text }) =>
    prepare(text)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${path}:${index + 1}: ${line.trim().slice(0, 80)}`] : [])),
  );
}
