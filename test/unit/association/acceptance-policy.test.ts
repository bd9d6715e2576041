import { createPolicy, plainAddress } from '../../../src/association/acceptance-policy';
import { configSchema } from '../../../src/config/schema';

const request = {
  protocolVersion: 1,
  calledAe: 'RAUNET',
  callingAe: 'PACS',
  applicationContext: '1.2.840.10008.3.1.1.1',
  contexts: [],
  maxPduLength: 0,
  implementationVersion: '',
  roles: new Map(),
};
const policy = (association: object) => createPolicy(configSchema.parse({ association }).association);
const verdict = (association: object, address: string, changes = {}, names: string[] = []) =>
  policy(association)({ ...request, ...changes }, address, names)?.name ?? 'accepted';
const NOT_ALLOWED = 'calling AE title, address or certificate not allowed';

test.each([
  ['127.0.0.1', 'accepted'],
  ['127.8.9.1', 'accepted'],
  ['::1', 'accepted'],
  ['10.0.0.5', NOT_ALLOWED],
  ['fe80::1', NOT_ALLOWED],
  ['', NOT_ALLOWED],
])('without an allow-list only loopback is served: %s', (address, expected) => {
  expect(verdict({}, address)).toBe(expected);
});

describe('with an allow-list', () => {
  const allow = [
    { callingAe: 'PACS', addresses: ['10.0.0.5', '192.168.4.0/22', '2001:db8::/32'] },
    { callingAe: ' SCANNER ' },
  ];
  test.each([
    ['PACS', '10.0.0.5', 'accepted'],
    ['PACS', '10.0.0.6', NOT_ALLOWED],
    ['PACS', '192.168.7.255', 'accepted'],
    ['PACS', '192.168.8.0', NOT_ALLOWED],
    ['PACS', '2001:db8:1::9', 'accepted'],
    ['PACS', '127.0.0.1', NOT_ALLOWED],
    ['SCANNER', '203.0.113.9', 'accepted'],
    ['scanner', '203.0.113.9', NOT_ALLOWED],
    ['ELSE', '10.0.0.5', NOT_ALLOWED],
  ])('%s from %s: %s', (callingAe, address, expected) => {
    expect(verdict({ allow }, address, { callingAe })).toBe(expected);
  });
});

test('the called AE title is one of ours; spaces around a configured title do not count', () => {
  const association = { aeTitle: 'RAUNET ', aliases: ['STAT'] };
  expect(verdict(association, '127.0.0.1')).toBe('accepted');
  expect(verdict(association, '127.0.0.1', { calledAe: 'STAT' })).toBe('accepted');
  expect(verdict(association, '127.0.0.1', { calledAe: 'OTHER' })).toBe('called AE title not recognized');
});

test('of several objections the first of PS3.8 9.3.4 is told: protocol, context, called, calling', () => {
  const all = { protocolVersion: 2, applicationContext: '1.2', calledAe: 'X' };
  expect(verdict({}, '10.0.0.5', all)).toBe('protocol version not supported');
  expect(verdict({}, '10.0.0.5', { ...all, protocolVersion: 3 })).toBe('application context not supported');
  expect(verdict({}, '10.0.0.5', { calledAe: 'X' })).toBe('called AE title not recognized');
});

test('an address in the configuration that is none is reported', () => {
  for (const address of ['pacs.example', '10.0.0.5/33', '10.0.0.256', '10.0.0.0/', ''])
    expect(() => policy({ allow: [{ callingAe: 'PACS', addresses: [address] }] })).toThrow(
      'an IP address or a network',
    );
});

test('an IPv4 peer of a dual-stack socket has its IPv4 address', () => {
  expect(['::ffff:10.0.0.5', '10.0.0.5', '2001:db8::1'].map(plainAddress)).toEqual([
    '10.0.0.5',
    '10.0.0.5',
    '2001:db8::1',
  ]);
});

test('an entry with a certificate fits only the AE title that showed one with this name', () => {
  const tls = { certificate: 'a', key: 'b', ca: 'c' };
  const association = { tls, allow: [{ callingAe: 'PACS', certificate: 'Pacs.example' }] };
  const with_ = (...names: string[]) => verdict(association, '10.0.0.5', { callingAe: 'PACS' }, names);
  expect(with_('ct1.example', 'pacs.example')).toBe('accepted');
  expect(with_('ct1.example')).toBe(NOT_ALLOWED);
  expect(with_()).toBe(NOT_ALLOWED);
});
