/** `clientAddress`: who sends a request, and what clients cannot make it believe. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Hono } from 'hono';
import { createGovernor, type AcquireRequest } from 'throttleai';
import { clientAddress as honoAddress, throttle } from 'throttleai/adapters/hono';
import { clientAddress, type ClientAddressOptions } from 'throttleai/adapters/node';
import { clientAddress as webAddress } from 'throttleai/adapters/web';
import { createRandom } from '../../testing/random.ts';

const ALL = 128;

/** Who a request is from, at the end of a connection, with a header of the proxies. */
function sender(peer: string | undefined, forwarded?: string, options: ClientAddressOptions = {}): string {
  const { header = 'x-forwarded-for' } = options;
  const headers = forwarded === undefined ? {} : { [header]: forwarded };
  return clientAddress({ ipv6Prefix: ALL, ...options })({ headers, socket: { remoteAddress: peer } });
}

test('without a trusted proxy it is the connection, whatever headers say', () => {
  assert.equal(sender('203.0.113.9', '198.51.100.1'), '203.0.113.9');
  assert.equal(sender('203.0.113.9', 'for=198.51.100.1', { header: 'forwarded' }), '203.0.113.9');
  assert.equal(sender(undefined, '198.51.100.1'), 'anonymous');
  assert.equal(sender('/run/app.sock'), 'anonymous');
});

test('so many proxies: the address that the outermost of them has seen', () => {
  const trusted = (trustedProxy: number): string =>
    sender('10.0.0.1', '6.6.6.6, 203.0.113.9 ,10.0.0.2', { trustedProxy });
  assert.deepEqual([0, 1, 2, 3, 4].map(trusted), ['10.0.0.1', '10.0.0.2', '203.0.113.9', '6.6.6.6', '6.6.6.6']);
  assert.equal(
    sender(undefined, '203.0.113.9', { trustedProxy: 1 }),
    '203.0.113.9',
    'behind a socket of the file system',
  );
  assert.equal(sender('10.0.0.1', '', { trustedProxy: 1 }), '10.0.0.1');
  assert.equal(sender('10.0.0.1', undefined, { trustedProxy: 1 }), '10.0.0.1');
});

test('a list of proxies: the first address that is none of them, from the right', () => {
  const trustedProxy = ['10.0.0.0/8', '2001:db8:ffff::/48', '192.0.2.7'];
  const through = (peer: string, forwarded: string): string => sender(peer, forwarded, { trustedProxy });
  assert.equal(through('203.0.113.9', '6.6.6.6'), '203.0.113.9', 'a client that comes past the proxies');
  assert.equal(through('10.1.2.3', '6.6.6.6, 203.0.113.9'), '203.0.113.9');
  assert.equal(through('::ffff:10.1.2.3', '6.6.6.6, 203.0.113.9, 192.0.2.7, 10.9.9.9'), '203.0.113.9');
  assert.equal(through('2001:db8:ffff:1::2', '6.6.6.6, 2001:db8:1::5'), '2001:db8:1::5');
  assert.equal(through('10.1.2.3', '10.0.0.1, 10.0.0.2'), '10.0.0.1', 'all are proxies');
  assert.equal(through('11.1.2.3', '10.0.0.1'), '11.1.2.3');
});

test('what names no address ends the search: what stands before it is the client’s', () => {
  for (const unreadable of [
    'unknown',
    '_hidden',
    '',
    'example.com',
    '1.2.3',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.4.5',
    '::g',
    '1::2::3',
    '0x7f.1',
    '[::1',
    '1.2.3.4:x',
    '::1]:80',
  ])
    for (const trustedProxy of [3, ['10.0.0.0/8']])
      assert.equal(sender('10.0.0.1', `6.6.6.6, ${unreadable}, 10.0.0.2`, { trustedProxy }), '10.0.0.2', unreadable);
});

test('addresses have one spelling, without ports, brackets and zones', () => {
  for (const [written, address] of [
    ['203.0.113.9:4711', '203.0.113.9'],
    ['[2001:DB8::0:1]:4711', '2001:db8::1'],
    ['[2001:db8:0:0:0:0:0:1]', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['[::FFFF:cb00:7109]:80', '203.0.113.9'],
    ['::ffff:0:1', '0.0.0.1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['::', '::'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
  ] as const) {
    assert.equal(sender('10.0.0.1', written, { trustedProxy: 1 }), address);
    assert.equal(sender(written), address);
  }
});

test('IPv6 clients are their network, of 64 bits by default', () => {
  const network = (address: string, ipv6Prefix?: number): string =>
    clientAddress({ ipv6Prefix })({ headers: {}, socket: { remoteAddress: address } });
  assert.equal(network('2001:db8:1:2:3:4:5:6'), '2001:db8:1:2::/64');
  assert.equal(network('2001:db8:1:2:ffff::1'), network('2001:db8:1:2::'));
  assert.equal(network('2001:db8:1:23ff::1', 56), '2001:db8:1:2300::/56');
  assert.equal(network('2001:db8:1:23ff::1', 61), '2001:db8:1:23f8::/61');
  assert.equal(network('::1', 1), '::/1');
  assert.equal(network('2001:db8::1', 128), '2001:db8::1');
  assert.equal(network('203.0.113.9'), '203.0.113.9');
  assert.equal(network('::ffff:203.0.113.9'), '203.0.113.9');
});

test('Forwarded: the last well-formed element is what the proxy has said', () => {
  const through = (forwarded: string, trustedProxy: ClientAddressOptions['trustedProxy'] = 1): string =>
    sender('10.0.0.1', forwarded, { trustedProxy, header: 'forwarded' });
  assert.equal(through('for=192.0.2.60;proto=http;by=203.0.113.43'), '192.0.2.60');
  assert.equal(through('proto=https; FOR="[2001:db8:cafe::17]:4711"'), '2001:db8:cafe::17');
  assert.equal(through('for=192.0.2.43, for="198.51.100.17"'), '198.51.100.17');
  assert.equal(through('for=192.0.2.43, for=10.0.0.9', ['10.0.0.0/8']), '192.0.2.43');
  assert.equal(through('for="203.0.113.\\9"'), '203.0.113.9', 'a quoted pair');
  // What a client has written before does not reach into what the proxy adds.
  for (const forged of [
    'for="6.6.6.6',
    'for=6.6.6.6;x="',
    'x="a, for=6.6.6.6',
    'for=6.6.6.6,,;;',
    '"',
    '\\',
    'for="a\\',
  ])
    for (const added of ['for=203.0.113.9', 'for="203.0.113.9:80";proto=http', 'by="[::1]";for="203.0.113.9"'])
      assert.equal(through(`${forged}, ${added}`), '203.0.113.9', `${forged}, ${added}`);
  // Names and quotes inside what the proxy quotes are no parameters of its own.
  assert.equal(through('host="x;for=6.6.6.6";for=203.0.113.9'), '203.0.113.9');
  assert.equal(through('host="x\\";for=6.6.6.6";for=203.0.113.9'), '203.0.113.9');
  // An element that says nothing readable, or two things, ends the search.
  for (const unreadable of [
    'for=unknown',
    'for="_gazonk"',
    'proto=http',
    'for=1.1.1.1;for=2.2.2.2',
    'for=',
    'for',
    'for=1.1.1.1 x',
    'for=[::1]',
  ])
    assert.equal(through(`for=6.6.6.6, ${unreadable}`, 2), '10.0.0.1', unreadable);
});

test('only the header that the proxies write is read', () => {
  const headers = { 'x-forwarded-for': '6.6.6.6', forwarded: 'for=203.0.113.9' };
  const of = (header: 'forwarded' | 'x-forwarded-for'): string =>
    clientAddress({ trustedProxy: 1, header })({ headers, socket: { remoteAddress: '10.0.0.1' } });
  assert.deepEqual([of('forwarded'), of('x-forwarded-for')], ['203.0.113.9', '6.6.6.6']);
});

test('whatever clients write, behind a trusted proxy it is what the proxy has seen', () => {
  const random = createRandom(3);
  const parts = ['for=', '"', '\\', ',', ';', '6.6.6.6', ' ', '[::1]', 'x=', '10.0.0.1', '%', 'é', '=', 'for="'];
  for (let round = 0; round < 3_000; round++) {
    let forged = '';
    for (let i = Math.floor(random() * 12); i > 0; i--) forged += parts[Math.floor(random() * parts.length)];
    for (const trustedProxy of [1, ['10.0.0.0/8']]) {
      assert.equal(sender('10.0.0.1', `${forged}, 203.0.113.9`, { trustedProxy }), '203.0.113.9');
      const forwarded = { trustedProxy, header: 'forwarded' } as const;
      assert.equal(sender('10.0.0.1', `${forged}, for="203.0.113.9:1"`, forwarded), '203.0.113.9', forged);
    }
  }
});

test('proxies that a client pretends are not followed for ever, and long headers are read', () => {
  const trustedProxy = ['10.0.0.0/8'];
  const forged = Array(5_000).fill('10.0.0.2').join();
  assert.equal(sender('10.0.0.1', `6.6.6.6,${forged}`, { trustedProxy }), '10.0.0.2');
  // As long as Node lets headers be. A reader that goes back and forth would not come to an end.
  for (const text of [
    'a'.repeat(16_000),
    ',a="'.repeat(4_000),
    'a=b;'.repeat(4_000),
    ' '.repeat(16_000),
    `a="${'\\'.repeat(16_000)}`,
  ])
    assert.equal(sender('10.0.0.1', text, { trustedProxy, header: 'forwarded' }), '10.0.0.1');
});

test('web and Hono: what the runtime says of the connection', async (t) => {
  const headers = { 'x-forwarded-for': '6.6.6.6, 203.0.113.9' };
  const request = new Request('http://localhost/', { headers });
  type Info = { remote: string };
  const peer = (_request: Request, info: Info): string => info.remote;
  const of = webAddress({ trustedProxy: ['10.0.0.0/8'], peer });
  assert.equal(of(request, { remote: '10.0.0.1' }), '203.0.113.9');
  assert.equal(of(request, { remote: '192.0.2.1' }), '192.0.2.1');
  assert.equal(webAddress()(request), 'anonymous');
  assert.equal(webAddress({ trustedProxy: 1 })(request), '203.0.113.9');
  const asked: AcquireRequest[] = [];
  const governor = createGovernor({ onEvent: (event) => event.type === 'acquire' && asked.push(event as never) });
  t.after(() => governor.close());
  const app = new Hono<{ Bindings: Info }>();
  app.use(throttle({ governor, getActorId: honoAddress({ trustedProxy: ['10.0.0.0/8'], peer: (c) => c.env.remote }) }));
  app.get('/', (c) => c.text('hello'));
  await app.request('/', { headers }, { remote: '10.0.0.1' });
  assert.equal(asked[0]?.actorId, '203.0.113.9');
  assert.throws(() => webAddress({ trustedProxy: ['10.0.0.0/8'] }), { field: 'options.peer' });
  assert.throws(() => honoAddress({ trustedProxy: ['10.0.0.0/8'] }), { field: 'options.peer' });
});

test('options that cannot be used', () => {
  for (const [options, field] of [
    [{ trustedProxy: -1 }, 'options.trustedProxy'],
    [{ trustedProxy: 1.5 }, 'options.trustedProxy'],
    [{ trustedProxy: 33 }, 'options.trustedProxy'],
    [{ trustedProxy: true }, 'options.trustedProxy'],
    [{ trustedProxy: '10.0.0.0/8' }, 'options.trustedProxy'],
    ...[
      '10.0.0.0/33',
      '10.0.0/8',
      '::/129',
      'x',
      '10.0.0.1/',
      '10.0.0.0/8/8',
      '[::1]',
      '1.2.3.4:80',
      '/8',
      '',
      'fe80::1%1',
    ].map((range) => [{ trustedProxy: ['10.0.0.1', range] }, 'options.trustedProxy[1]'] as const),
    [{ trustedProxy: [7] }, 'options.trustedProxy[0]'],
    [{ header: 'x-real-ip' }, 'options.header'],
    [{ ipv6Prefix: 0 }, 'options.ipv6Prefix'],
    [{ ipv6Prefix: 129 }, 'options.ipv6Prefix'],
    [{ hops: 1 }, 'options.hops'],
    [{ peer: () => '' }, 'options.peer'],
  ] as const)
    assert.throws(() => clientAddress(options as never), { code: 'input', field }, JSON.stringify(options));
});

test('ranges: every length, of both families, mapped or not', () => {
  const inRange = (range: string, address: string): boolean =>
    sender(address, '203.0.113.9', { trustedProxy: [range] }) === '203.0.113.9';
  for (const [range, inside, outside] of [
    ['10.0.0.0/9', '10.127.255.255', '10.128.0.0'],
    ['10.1.2.3', '10.1.2.3', '10.1.2.2'],
    ['10.1.2.3/31', '10.1.2.2', '10.1.2.4'],
    ['0.0.0.0/0', '255.255.255.255', '2001:db8::1'],
    ['::ffff:10.0.0.0/104', '10.9.9.9', '11.0.0.0'],
    ['2001:db8::/33', '2001:db8:7fff::1', '2001:db8:8000::1'],
    ['::/0', '2001:db8::1', undefined],
    ['::1', '::1', '::2'],
  ] as const) {
    assert.ok(inRange(range, inside), `${inside} in ${range}`);
    if (outside !== undefined) assert.ok(!inRange(range, outside), `${outside} not in ${range}`);
  }
  assert.ok(inRange('::/0', '10.0.0.1'), 'all addresses');
});
