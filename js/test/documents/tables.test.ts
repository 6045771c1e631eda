/** The tables of README.md leave nothing out: fields of the configuration, methods of a governor, what the package exports. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as throttleai from 'throttleai';
import { CAUSES } from '../../core/binding.ts';
import { root } from './files.ts';

const readme = readFileSync(new URL('README.md', root), 'utf8');

/** The rows of a section, as one text. */
function rowsOf(section: string): string {
  const [, text = ''] = readme.split(`\n## ${section}\n`);
  return text
    .slice(0, text.indexOf('\n## '))
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .join('\n');
}

test('every field of the configuration has a row, or its section has some', () => {
  const rows = rowsOf('Configuration');
  const fieldsOf = (config: object): string[] => {
    try {
      throttleai.createGovernor(config as throttleai.GovernorConfig);
    } catch (error) {
      if (throttleai.ConfigError.isInstance(error))
        return /fields of .* are (.*)$/.exec(error.allowed)![1]!.split(', ');
    }
    return assert.fail('taken');
  };
  const fields = fieldsOf({ nothing: 1 });
  assert.ok(fields.length > 15, fields.join());
  for (const field of fields) assert.match(rows, new RegExp(`^\\| \`${field}(\`|\\.)`, 'm'));
  for (const section of ['concurrency', 'rate', 'fairness', 'adaptive', 'queue', 'caps', 'retryBudget'])
    for (const field of fieldsOf({ [section]: { nothing: 1 } }))
      assert.ok(rows.includes(`\`${section}.${field}\``), field);
});

test('every method of a governor and every function of the package has a row', () => {
  const rows = rowsOf('API');
  const methods = Object.getOwnPropertyNames(throttleai.Governor.prototype).filter((name) => name !== 'constructor');
  const inherited = Object.getOwnPropertyNames(Object.getPrototypeOf(throttleai.Governor.prototype) as object);
  for (const name of new Set([...methods, ...inherited]))
    if (name !== 'constructor') assert.match(rows, new RegExp(`\`(governor\\.)?${name}[(\`]`), name);
  for (const [name, value] of Object.entries(throttleai))
    if (typeof value === 'function' && /^[a-z]/.test(name)) assert.match(rows, new RegExp(`\`${name}\\(`), name);
});

test('every event has a row with all of its fields', () => {
  const types = readFileSync(new URL('js/core/types/events.ts', root), 'utf8');
  const behaviour = readFileSync(new URL('docs/behaviour.md', root), 'utf8');
  const rows = behaviour.split('\n').filter((line) => line.startsWith('| `'));
  const events = [...types.matchAll(/interface \w+Event extends ([^{]*)\{(.*?)\n\}/gs)];
  assert.equal(events.length, 8);
  for (const [, parents = '', body = ''] of events) {
    const type = /type: '(\w+)'/.exec(body)![1]!;
    const own = [...body.matchAll(/^ {2}(\w+)\??: (?!never)/gm)].map(([, name]) => name!);
    const fields = own.filter((name) => name !== 'type' && name !== 'timestamp');
    if (parents.includes('LeaseFields')) fields.push('leaseId');
    const like = (row: string): string => row.replace(/the same|as `acquire`/, '`leaseId`');
    const fits = rows.filter(
      (row) => row.startsWith(`| \`${type}\``) && fields.every((name) => like(row).includes(`\`${name}\``)),
    );
    assert.equal(fits.length, 1, `${type}: ${fields.join(', ')}`);
  }
});

test('every cause of a denial that occurs has a row', () => {
  for (const cause of CAUSES) assert.equal(rowsOf('API').includes(`\`${cause}\``), cause !== 'store', cause);
});
