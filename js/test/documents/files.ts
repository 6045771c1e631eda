/** Which files are read. */
import { readFileSync, readdirSync } from 'node:fs';

export const root = new URL('../../../', import.meta.url);

const under = (folder: string, extension: string): string[] =>
  readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(extension))
    .sort()
    .map((name) => `${folder}/${name}`);

/** The documents, as paths from the root of the repository. */
export const documents: readonly string[] = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'CHANGELOG.md'],
  ...under('docs', '.md'),
  ...under('examples', '.md'),
];

/** The sources of what is published. */
export const sources: readonly string[] = ['core', 'adapters', 'testing', 'entrypoints'].flatMap((folder) =>
  under(`js/${folder}`, '.ts'),
);

const entries = [
  'js/index.ts',
  'js/testing/index.ts',
  ...['js/entrypoints', 'js/adapters'].flatMap((folder) =>
    readdirSync(new URL(folder, root))
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
      .map((name) => `${folder}/${name}`),
  ),
];

/** Every name that an entry point exports, types included. */
export const published: ReadonlySet<string> = new Set(
  entries.flatMap((path) => {
    const text = readFileSync(new URL(path, root), 'utf8');
    const declared = text.matchAll(/^export (?:async )?(?:function|const|class|interface|type) (\w+)/gm);
    const passedOn = text.matchAll(/^export (?:type )?\{([^}]*)\}/gm);
    return [
      ...[...declared].map(([, name = '']) => name),
      ...[...passedOn].flatMap(([, list = '']) => list.match(/\w+/g) ?? []),
    ];
  }),
);
