/**
 * Addresses as proxies write them, and ranges of them. An address is a text that has one spelling: an IPv4 address, also where
 * it came mapped into IPv6, in four decimal numbers; an IPv6 address as the URL standard writes it.
 */
import { web } from './web.ts';

/** Bits of an IPv6 address. */
export const IPV6_BITS = 128;
/** Bits in front of an IPv4 address that is mapped into IPv6. */
const MAPPED_BITS = 96;

/** Four decimal numbers, without leading zeros, which some read as octal. */
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;
const MAPPED = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/;
/** `[IPv6]`, `[IPv6]:port`, `IPv4:port`. */
const DECORATED = /^(?:\[([^\]]*)\](?::\d{1,5})?|([\d.]+):\d{1,5})$/;

/** The one spelling of an address; undefined: it is none. */
function spelt(written: string): string | undefined {
  if (IPV4.test(written)) return written;
  // What else there is in the host of a URL is not for here.
  if (!/^[\da-f]*:[\da-f:.]*$/i.test(written)) return undefined;
  let address: string;
  try {
    address = new web.URL(`http://[${written}]`).hostname.slice(1, -1);
  } catch {
    return undefined;
  }
  const [, high, low] = MAPPED.exec(address) ?? [];
  if (high === undefined) return address;
  const [a, b] = [parseInt(high, 16), parseInt(low!, 16)];
  return `${a >> 8}.${a & 255}.${b >> 8}.${b & 255}`;
}

/** The address that a connection or a proxy names, which may have a port, and a zone; undefined: it names none. */
export function addressIn(written: string): string | undefined {
  const [, bracketed, ipv4] = DECORATED.exec(written) ?? [];
  return spelt((bracketed ?? ipv4 ?? written).replace(/%.*$/, ''));
}

/** The eight groups of 16 bits; an IPv4 address is mapped. */
function groupsOf(address: string): number[] {
  if (!address.includes(':')) {
    const [a, b, c, d] = address.split('.').map(Number) as [number, number, number, number];
    return [0, 0, 0, 0, 0, 0xffff, a * 256 + b, c * 256 + d];
  }
  const [front, back] = address.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const zeros = Array<string>(8 - front!.length - (back?.length ?? 0)).fill('0');
  return [...front!, ...zeros, ...(back ?? [])].map((group) => parseInt(group, 16));
}

/** The groups with all but their first `bits` bits zero. */
function masked(groups: readonly number[], bits: number): number[] {
  return groups.map((group, i) => {
    const kept = Math.min(Math.max(bits - 16 * i, 0), 16);
    return group & (0xffff << (16 - kept));
  });
}

/** The network of an IPv6 address, such as `2001:db8:1:2::/64`. IPv4 addresses, and single hosts, are left as they are. */
export function networkOf(address: string, bits: number): string {
  if (bits === IPV6_BITS || !address.includes(':')) return address;
  const groups = masked(groupsOf(address), bits).map((group) => group.toString(16));
  return `${spelt(groups.join(':'))}/${bits}`;
}

/** Tells whether an address is in a range. */
export type Range = (address: string) => boolean;

/** The range that an address, or a network such as `10.0.0.0/8`, stands for; undefined: it is neither. */
export function rangeOf(written: string): Range | undefined {
  const [host = '', length, ...rest] = written.split('/');
  const address = spelt(host);
  if (address === undefined || rest.length > 0 || !/^\d{1,3}$/.test(length ?? '0')) return undefined;
  // The length of a mapped network is said of IPv6.
  const front = host.includes(':') ? 0 : MAPPED_BITS;
  const bits = length === undefined ? IPV6_BITS : front + Number(length);
  if (bits > IPV6_BITS) return undefined;
  const network = masked(groupsOf(address), bits).join();
  return (other) => masked(groupsOf(other), bits).join() === network;
}
