import { type ReadinessDeps, readinessOf } from '../../../src/admin/readiness';
import { RaunetError } from '../../../src/lib/errors';

const now = new Date('2026-01-01T12:00:00Z');
const earlier = new Date('2026-01-01T11:59:00Z');
const healthy: ReadinessDeps = {
  clock: { now: () => now },
  pingDatabase: () => Promise.resolve('18.4'),
  disk: () => ({ low: false, freeBytes: 48.2e9 }),
  minFreeBytes: 2e9,
  listener: () => ({ address: 'RAUNET on 127.0.0.1:11112', associations: 1, maxAssociations: 20 }),
  model: { name: 'raunet', version: '1.0.0', sha256: 'ab' },
  inference: () => ({
    mode: 'ready',
    provider: 'cpu',
    pid: 7,
    findings: [
      { provider: 'cuda', taken: false, reason: 'Its libraries are missing.' },
      { provider: 'cpu', taken: true, reason: '87 ms a slice.' },
    ],
    restarts: 0,
    lastFailure: null,
  }),
  destinations: ['pacs', 'archive'],
  echoes: () => new Map([['pacs', { ok: true, error: null, at: earlier, since: earlier }]]),
};
const part = async (name: string, more: Partial<ReadinessDeps>) =>
  (await readinessOf({ ...healthy, ...more })).find((found) => found.name === name)!;

test('a healthy service: every part ok; the model names why a faster provider was not taken', async () => {
  const parts = await readinessOf(healthy);
  expect(parts.map(({ name, ok }) => `${name} ${ok}`)).toEqual([
    'database true',
    'spool true',
    'listener true',
    'model true',
    'destination pacs true',
    'destination archive true',
  ]);
  expect(parts[3]!.reason).toContain('cuda: Its libraries are missing.');
  expect(parts[5]!.reason).toBe('Not asked yet.');
});

test.each<[string, Partial<ReadinessDeps>, RegExp]>([
  ['database', { pingDatabase: () => Promise.reject(new RaunetError('RAUNET_DATABASE')) }, /RAUNET_DATABASE/],
  ['spool', { disk: () => ({ low: true, freeBytes: 1e9 }) }, /1.0 GB free, less than 2.0 GB/],
  ['listener', { listener: () => null }, /closed/],
  [
    'model',
    { inference: () => ({ ...healthy.inference(), mode: 'restarting', lastFailure: 'killed' }) },
    /restarting \(killed\)/,
  ],
])('%s not ok is required, with its reason', async (name, more, reason) => {
  const found = await part(name, more);
  expect(found).toMatchObject({ ok: false, required: true });
  expect(found.reason).toMatch(reason);
});

test('a destination that is down is told with its code and since when, but does not stop the service', async () => {
  const error = new RaunetError('RAUNET_DESTINATION_DOWN', { destination: 'pacs' });
  const echoes = () => new Map([['pacs', { ok: false, error, at: earlier, since: earlier }]]);
  const found = await part('destination pacs', { echoes });
  expect(found).toMatchObject({ ok: false, required: false });
  expect(found.reason).toMatch(/RAUNET_DESTINATION_DOWN.*60 s ago.*since 2026-01-01T11:59/);
});

test('a database that hangs is no answer after three seconds', async () => {
  const found = await part('database', { pingDatabase: () => new Promise(() => {}) });
  expect(found).toMatchObject({ ok: false, reason: expect.stringContaining('no answer within 3 s') });
});
