/**
 * Who sends a request, by its address: that of the connection, or what proxies say of it as far as they are trusted. Clients can
 * write the same headers, so they are read from the right: what a trusted proxy has added, never what stood there before.
 */
import { bad, readFunction } from '../../core/input.ts';
import { refuseOthers } from '../../core/properties.ts';
import { addressIn, IPV6_BITS, networkOf, rangeOf, type Range } from './address.ts';

/** Bits of IPv6 that name a customer: the smallest network that providers give to one. Source: RFC 6177. */
const CUSTOMER_BITS = 64;
/** Proxies that are looked at. A client can pretend that there are more. */
const HOPS_MAX = 32;

/** Where proxies say for whom a request is. */
export type ForwardedHeader = NonNullable<ClientAddressOptions['header']>;

/** Options of `clientAddress`. */
export interface ClientAddressOptions {
  /**
   * The proxies in front of the server: how many, or the addresses and networks that they are in, such as `10.0.0.0/8`. A number
   * believes whoever connects, so it is for servers that can be reached through the proxies only. Default 0: none, the address
   * of the connection counts.
   */
  trustedProxy?: number | readonly string[] | undefined;
  /** Which header the proxies write. The other one is not looked at, as clients may have written it. Default `"x-forwarded-for"`. */
  header?: 'x-forwarded-for' | 'forwarded' | undefined;
  /**
   * How many bits of an IPv6 address name one client: the customer of a provider has at least a network of 64 bits, and can
   * send each request from another address of it. Default 64. Range: 1 to 128.
   */
  ipv6Prefix?: number | undefined;
}

/** What is read of a request. */
export interface Connection {
  /** The address at the other end of the connection. */
  readonly peer: string | null | undefined;
  readonly forwarded: string | null | undefined;
}

/** The actor of requests whose sender has no address. */
export const ANONYMOUS = 'anonymous';

/**
 * What finds the sender's address.
 *
 * @param connectionOf reads a request
 * @param others names of further options, which are functions
 * @throws InputError for an option that cannot be used
 */
export function clientReader<A extends readonly unknown[], O extends ClientAddressOptions>(
  options: O,
  connectionOf: (header: ForwardedHeader, ...args: A) => Connection,
  others: readonly (keyof O & string)[] = [],
): (...args: A) => string {
  refuseOthers(options, 'options', ['trustedProxy', 'header', 'ipv6Prefix', ...others]);
  const { trustedProxy = 0, header = 'x-forwarded-for', ipv6Prefix = CUSTOMER_BITS } = options;
  for (const name of others) if (options[name] !== undefined) readFunction(options[name], `options.${name}`);
  if (header !== 'x-forwarded-for' && header !== 'forwarded')
    throw bad('options.header', header, '"x-forwarded-for" or "forwarded"');
  if (!Number.isInteger(ipv6Prefix) || ipv6Prefix < 1 || ipv6Prefix > IPV6_BITS)
    throw bad('options.ipv6Prefix', ipv6Prefix, `a whole number from 1 to ${IPV6_BITS}`);
  const trusts = trustOf(trustedProxy);
  const previous = header === 'forwarded' ? beforeInForwarded : beforeInList;
  return (...args) => {
    const { peer, forwarded } = connectionOf(header, ...args);
    let client = peer ? addressIn(peer) : undefined;
    let left: string | null | undefined = forwarded;
    for (let hop = 0; left && trusts(client, hop); hop++) {
      const [sender, rest]: Sender = previous(left);
      const address = addressIn(sender);
      // A proxy that names nobody: what stands before was written by whom it does not name.
      if (address === undefined) break;
      client = address;
      left = rest;
    }
    return client === undefined ? ANONYMOUS : networkOf(client, ipv6Prefix);
  };
}

/** Options of `clientAddress` where a request does not say who is connected. */
interface PeerOptions extends ClientAddressOptions {
  readonly peer?: unknown;
}

/** What finds the sender's address of a request that does not say who is connected. */
export function peerReader<A extends readonly unknown[], O extends PeerOptions>(
  options: O,
  peerOf: (...args: A) => string | null | undefined,
  forwardedOf: (header: ForwardedHeader, ...args: A) => string | null | undefined,
): (...args: A) => string {
  const connectionOf = (header: ForwardedHeader, ...args: A): Connection => ({
    peer: peerOf(...args),
    forwarded: forwardedOf(header, ...args),
  });
  const read = clientReader<A, PeerOptions>(options, connectionOf, ['peer']);
  if (typeof options.trustedProxy === 'object' && !options.peer)
    throw bad('options.peer', options.peer, 'a function: a list of proxies is compared with who is connected');
  return read;
}

/** Whether what the proxy at `address`, so many away, has added is believed. */
function trustOf(trusted: number | readonly string[]): (address: string | undefined, hop: number) => boolean {
  const field = 'options.trustedProxy';
  if (!Array.isArray(trusted)) {
    if (!Number.isInteger(trusted) || (trusted as number) < 0 || (trusted as number) > HOPS_MAX)
      throw bad(field, trusted, `a whole number from 0 to ${HOPS_MAX}, or a list of addresses and networks`);
    return (_address, hop) => hop < (trusted as number);
  }
  const ranges = trusted.map((written: unknown, i): Range => {
    const range = typeof written === 'string' ? rangeOf(written) : undefined;
    if (range === undefined) throw bad(`${field}[${i}]`, written, 'an address, or a network such as "10.0.0.0/8"');
    return range;
  });
  return (address, hop) => address !== undefined && hop < HOPS_MAX && ranges.some((range) => range(address));
}

/** Who sent a request to the last proxy, and what the proxies before have written. */
type Sender = [sender: string, rest: string];

/** `X-Forwarded-For: client, proxy, proxy` */
function beforeInList(list: string): Sender {
  const comma = list.lastIndexOf(',');
  return [list.slice(comma + 1).trim(), list.slice(0, Math.max(comma, 0))];
}

/** What stands after the last comma that is not in quotes. A quote that a client has left open stays on its side of it. */
const LAST = /(?:^|,)((?:[^",\\]|"(?:[^"\\]|\\.)*")*)$/;
/** `name=token` or `name="text"`, and where it ends. Sticky: looked for anywhere it would take the square of a long text's time. */
const PAIR = /[ \t]*([!#$%&'*+.^_`|~\w-]+)=(?:([!#$%&'*+.^_`|~\w-]+)|"((?:[^"\\]|\\.)*)")[ \t]*(?:;|$)/y;

/** `Forwarded: for=client;proto=https, for="[2001:db8::1]:4711"`. Source: RFC 7239. */
function beforeInForwarded(list: string): Sender {
  const last = LAST.exec(list);
  return [senderIn(last?.[1] ?? ''), list.slice(0, last?.index ?? 0)];
}

/** What an element says of the sender; nothing where it is written otherwise, or says it twice: it could mean anybody. */
function senderIn(element: string): string {
  let sender: string | undefined;
  for (let at = 0; at < element.length; at = PAIR.lastIndex) {
    PAIR.lastIndex = at;
    const [, name, token, quoted = ''] = PAIR.exec(element) ?? [];
    if (name === undefined) return '';
    if (name.toLowerCase() !== 'for') continue;
    if (sender !== undefined) return '';
    sender = token ?? quoted.replace(/\\(.)/g, '$1');
  }
  return sender ?? '';
}
