/**
 * The saved form of a governor: the core's image and the strings beside it. A versioned format; a change is a migration.
 *
 * Layout: 4 bytes `TAI` and the version, u32 checksum of all that follows, u32 length of the core's image (little-endian),
 * the core's image, the tables as JSON in ASCII.
 */
import type { Added } from './counting.ts';
import { ConfigError } from './errors.ts';
import type { SavedKeys } from './keys.ts';
import type { AboutRow, LateRow, LeaseRow } from './lease-table.ts';
import type { GovernorSnapshot } from './types.ts';

const VERSION = 1;
const MAGIC = [0x54, 0x41, 0x49, VERSION] as const;
const HEADER_BYTES = 12;

/** What is saved beside the core's image. */
export interface Tables {
  /** The random part of lease ids; empty before the first grant. */
  readonly part: string;
  readonly leases: readonly LeaseRow[];
  readonly late: readonly LateRow[];
  /** Handle and id of every actor that the core remembers. */
  readonly actors: readonly (readonly [number, string])[];
  /** Texts and handles of the keys that the core remembers. */
  readonly keys: readonly SavedKeys[];
  /** Their limits are part of the core's image. */
  readonly added: Added;
  readonly lastDeny: GovernorSnapshot['lastDeny'];
}

/** Puts an image together. */
export function writeImage(core: Uint8Array, tables: Tables): Uint8Array {
  // JSON.stringify escapes lone surrogates; escaping the rest of what is not ASCII leaves one byte a character.
  const json = JSON.stringify(tables).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  const image = new Uint8Array(HEADER_BYTES + core.length + json.length);
  image.set(MAGIC);
  image.set(core, HEADER_BYTES);
  for (let i = 0; i < json.length; i++) image[HEADER_BYTES + core.length + i] = json.charCodeAt(i);
  const header = new DataView(image.buffer);
  header.setUint32(8, core.length, true);
  header.setUint32(4, checksum(image.subarray(8)), true);
  return image;
}

/**
 * Takes an image apart.
 *
 * @throws ConfigError if it is none, of another version, or damaged
 */
export function readImage(value: unknown): { core: Uint8Array; tables: Tables } {
  if (!ArrayBuffer.isView(value)) throw refuseImage(value);
  const image = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  if (image.length < HEADER_BYTES || MAGIC.slice(0, 3).some((byte, i) => image[i] !== byte)) throw refuseImage(value);
  if (image[3] !== VERSION)
    throw refuseImage(value, `an image of version ${VERSION}, which this one (version ${image[3]}) is not`);
  const header = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const end = HEADER_BYTES + header.getUint32(8, true);
  if (header.getUint32(4, true) !== checksum(image.subarray(8)) || end > image.length)
    throw refuseImage(value, 'an undamaged image');
  let json = '';
  for (let i = end; i < image.length; i++) json += String.fromCharCode(image[i]!);
  return { core: image.slice(HEADER_BYTES, end), tables: readTables(json, value) };
}

/**
 * The checksum has matched, so what stands here is what `writeImage` wrote, or made up by somebody who knows the format.
 * Whether the leases and actors exist, only the core can say: see `Answers.restore`.
 */
function readTables(json: string, value: unknown): Tables {
  try {
    const tables = JSON.parse(json) as Tables;
    const { part, leases, late, actors, keys, added, lastDeny } = tables;
    if (
      typeof part === 'string' &&
      leases.every(isLeaseRow) &&
      late.every(([leaseId, about]) => typeof leaseId === 'string' && isAbout(about)) &&
      actors.every(isNamed) &&
      keys.every(([per, rows]) => typeof per === 'string' && rows.every(isNamed)) &&
      added.families.every((name) => typeof name === 'string') &&
      added.wrapped.every(([action]) => typeof action === 'string') &&
      added.discovered.every(([family]) => typeof family === 'string') &&
      added.gates.every((family) => typeof family === 'string') &&
      typeof lastDeny === 'object'
    )
      return tables;
  } catch {
    // Falls through to the refusal.
  }
  throw refuseImage(value);
}

function isLeaseRow([slot, generation, actorId, action, key, about]: LeaseRow): boolean {
  const named = typeof actorId === 'string' && actorId !== '' && typeof action === 'string';
  const said = about === undefined || isAbout(about);
  return said && named && isU32(slot) && isU32(generation) && (key === null || typeof key === 'string');
}

function isAbout([name, ...amounts]: AboutRow): boolean {
  return typeof name === 'string' && amounts.every((amount) => typeof amount === 'number');
}

function isNamed([handle, name]: readonly [number, string]): boolean {
  return isU32(handle) && typeof name === 'string';
}

function isU32(value: unknown): boolean {
  return typeof value === 'number' && value >>> 0 === value;
}

/** FNV-1a: finds damage, not malice. */
function checksum(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/** The error for an image that cannot be used. */
export function refuseImage(value: unknown, allowed: string = 'what save() returned'): ConfigError {
  return new ConfigError({ field: 'restore', value, allowed });
}
