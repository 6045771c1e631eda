/** What is read of a request of Node, and who sends it. */
import { ANONYMOUS, clientReader, type ClientAddressOptions } from './client.ts';
import type { SocketLike } from './node.ts';

/** What is read of a request. */
export interface NodeLikeRequest {
  readonly headers: { readonly [name: string]: string | string[] | undefined };
  readonly socket?: SocketLike | null;
}

type Headers = NodeLikeRequest['headers'];

/** The header `x-actor-id`, else the address. A proxy may add the header empty, which names nobody. */
export function headerActor(headers: Headers, address: string | undefined): string {
  const header = headers['x-actor-id'];
  return (Array.isArray(header) ? header[0] : header) || address || ANONYMOUS;
}

/**
 * For `getActorId`: who sends a request, by the address of the connection, or by what trusted proxies say of it. `"anonymous"`
 * where there is no address, as on a socket of the file system.
 *
 * @throws InputError for an option that cannot be used
 * @example
 * const getActorId = clientAddress({ trustedProxy: ['10.0.0.0/8'] });
 */
export function clientAddress(options: ClientAddressOptions = {}): (request: NodeLikeRequest) => string {
  return clientReader(options, (header, { headers, socket }) => {
    const forwarded = headers[header];
    return { peer: socket?.remoteAddress, forwarded: Array.isArray(forwarded) ? forwarded.join() : forwarded };
  });
}
