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
export const sources: readonly string[] = under('js', '.ts').filter((path) => !path.startsWith('js/test/'));

interface Manifest {
  readonly exports: Readonly<Record<string, string | { readonly import: { readonly types: string } }>>;
}
const { exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as Manifest;

/** Every entry point that has types, with its source. */
const sourceOfEntry = new Map(
  Object.entries(exports).flatMap(([subpath, target]): [string, string][] => {
    if (typeof target === 'string') return [];
    const source = target.import.types.replace('./dist/types/', 'js/').replace(/\.d\.ts$/, '.ts');
    return [[subpath.replace('.', 'throttleai'), source]];
  }),
);

/** What programs import from, the main entry last: its names are the best known. */
export const entries: readonly string[] = [...sourceOfEntry.keys()].reverse();

/** Every name that an entry point exports, types included. */
export const published: ReadonlySet<string> = new Set(
  ['js/index.ts', ...sourceOfEntry.values()].flatMap((path) => {
    const text = readFileSync(new URL(path, root), 'utf8');
    const declared = text.matchAll(/^export (?:async )?(?:function|const|class|interface|type) (\w+)/gm);
    const passedOn = text.matchAll(/^export (?:type )?\{([^}]*)\}/gm);
    return [
      ...[...declared].map(([, name = '']) => name),
      ...[...passedOn].flatMap(([, list = '']) => list.match(/\w+/g) ?? []),
    ];
  }),
);
