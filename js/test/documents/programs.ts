/** Makes modules of blocks: what a block uses without declaring it is imported, from the package or from a prelude. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Block } from './blocks.ts';

/** Where the names come from that a block uses and does not declare. */
export interface Surroundings {
  /** File in `prelude/`. Each program gets a copy, so that none sees what another one did. */
  readonly prelude: string;
  /** Entry points all of whose names are known. None for documents: there the imports are part of what is shown. */
  readonly entries: readonly string[];
}

export interface Program {
  readonly block: Block;
  readonly file: URL;
}

/** A name that can be imported. */
interface Known {
  readonly name: string;
  readonly specifier: string;
  readonly isType: boolean;
}

const preludes = new URL('./prelude/', import.meta.url);

/** Writes all programs into an empty folder, with the project that type-checks them. */
export async function writePrograms(
  folder: URL,
  blocks: readonly { readonly block: Block; readonly around: Surroundings }[],
): Promise<Program[]> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const compilerOptions = { noUnusedLocals: false, skipLibCheck: true };
  const project = { extends: '../../tsconfig.json', compilerOptions, include: ['*.ts'] };
  writeFileSync(new URL('tsconfig.json', folder), JSON.stringify(project));
  const programs: Program[] = [];
  for (const [index, { block, around }] of blocks.entries()) {
    const prelude = readFileSync(new URL(around.prelude, preludes), 'utf8');
    const given = exportsOf(prelude, `./prelude-${index}.ts`);
    // Entry points may have different things under one name; the prelude says which is meant.
    const others = (await namesOf(around.entries)).filter(({ name }) => !given.some((own) => own.name === name));
    const known = [...given, ...others];
    const file = new URL(`block-${index}.ts`, folder);
    writeFileSync(new URL(`prelude-${index}.ts`, folder), prelude);
    writeFileSync(file, moduleOf(block, known));
    programs.push({ block, file });
  }
  return programs;
}

async function namesOf(entries: readonly string[]): Promise<Known[]> {
  const known = new Map<string, Known>();
  for (const specifier of entries) {
    for (const name of Object.keys((await import(specifier)) as object))
      known.set(name, { name, specifier, isType: false });
  }
  return [...known.values()];
}

function exportsOf(text: string, specifier: string): Known[] {
  const declared = text.matchAll(/^export (?:async )?(function|const|interface)\*? (\w+)/gm);
  const passedOn = text.matchAll(/^export (type )?\{([^}]*)\}/gm);
  return [
    ...[...declared].map(([, kind, name = '']) => ({ name, specifier, isType: kind === 'interface' })),
    ...[...passedOn].flatMap(([, type, list = '']) =>
      list.split(',').map((name) => ({ name: name.trim(), specifier, isType: type !== undefined })),
    ),
  ];
}

/** The imports stand on the block's own first line, so that its lines keep their numbers. */
function moduleOf({ code }: Block, known: readonly Known[]): string {
  const words = code.replace(/\/\/.*$/gm, '').replace(/'[^'\n]*'|"[^"\n]*"/g, '""');
  const imports = known
    .filter(({ name }) => uses(words, name) && !declares(words, name))
    .map(({ name, specifier, isType }) => `import { ${isType ? 'type ' : ''}${name} } from '${specifier}'; `);
  return `${imports.join('')}${code}\nexport {};\n`;
}

/** Not as a property, but after the dots of a spread. */
const uses = (words: string, name: string): boolean => new RegExp(`(?<!\\w|(?<!\\.\\.)\\.)${name}\\b`).test(words);

function declares(words: string, name: string): boolean {
  const declared = `\\b(?:const|let|function\\*?|class|interface) ${name}\\b`;
  const imported = `\\bimport (?:type )?(?:${name}\\b|\\{[^}]*\\b${name}\\b)`;
  return new RegExp(`${declared}|${imported}`).test(words);
}
