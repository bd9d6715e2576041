import type { Pool } from 'pg';
import { configSchema } from '../../../src/config/schema';
import type { Inference, InferenceState } from '../../../src/inference/types';
import { RaunetError } from '../../../src/lib/errors';
import type { EchoResult } from '../../../src/maintenance/echo-monitor';
import { type ReadinessDeps, readiness } from '../../../src/steps/readiness';

const since = new Date('2026-01-01T11:59:00Z');
const state: InferenceState = {
  mode: 'ready',
  provider: 'cpu',
  pid: 7,
  findings: [
    { provider: 'cuda', taken: false, reason: 'Its libraries are missing.' },
    { provider: 'cpu', taken: true, reason: '87 ms a slice.' },
  ],
  restarts: 0,
  lastFailure: null,
};
const inference = (more: Partial<InferenceState> = {}): Inference =>
  ({
    model: { name: 'raunet', version: '1.0.0', sha256: 'ab' },
    state: () => ({ ...state, ...more }),
  }) as Inference;
const database = (answer: () => Promise<unknown>): Pool => ({ query: answer }) as unknown as Pool;
const disk = (low: boolean) => ({
  check: () => Promise.resolve(),
  state: () => ({ low, freeBytes: low ? 1e9 : 48e9 }),
});
const echoes = (pacs: EchoResult) => ({
  run: () => Promise.resolve(),
  results: () => new Map([['pacs', pacs]]),
});
const destination = (name: string) => ({ name, aeTitle: 'PACS', host: 'pacs.example', port: 104 });
const healthy: ReadinessDeps = {
  config: configSchema.parse({ delivery: { destinations: [destination('pacs'), destination('archive')] } }),
  pool: database(() => Promise.resolve()),
  inference: inference(),
  disk: disk(false),
  echoes: echoes({ ok: true, error: null, at: since, since }),
  listener: {
    port: 11112,
    stats: () => ({ connections: 1, associations: 1 }),
  } as ReadinessDeps['listener'],
  auditTrail: { failures: () => [] },
};
const parts = (more: Partial<ReadinessDeps> = {}) => readiness({ ...healthy, ...more });

test('a healthy service: every part ok; the model part says why a faster provider was not taken', async () => {
  const all = await parts();
  expect(all.map(({ name, ok }) => `${name} ${ok}`)).toEqual([
    'database true',
    'spool true',
    'listener true',
    'inference true',
    'audit trail true',
    'destination pacs true',
    'destination archive true',
  ]);
  expect(all[3]!.reason).toContain('cuda: Its libraries are missing.');
  expect(all[6]!.reason).toBe('Not asked yet.');
});

test.each<[string, Partial<ReadinessDeps>, RegExp]>([
  ['database', { pool: database(() => Promise.reject(new Error('refused'))) }, /answer \(refused\); it/],
  [
    'database',
    { pool: database(() => Promise.reject(new RaunetError('RAUNET_DATABASE', { detail: 'refused' }))) },
    /answer \(refused\); it/,
  ],
  ['database', { pool: database(() => new Promise(() => {})) }, /no answer within 3 s/],
  ['spool', { disk: disk(true) }, /1000 MB free, below .* rejected/],
  [
    'inference',
    { inference: inference({ mode: 'restarting', lastFailure: 'killed' }) },
    /restarting.*killed/,
  ],
])('%s not working is required, and says why (%#)', async (name, more, reason) => {
  const part = (await parts(more)).find((found) => found.name === name);
  expect(part).toMatchObject({ ok: false, required: true, reason: expect.stringMatching(reason) });
});

test('a destination that is down is told with its code, but does not stop the service', async () => {
  const error = new RaunetError('RAUNET_DESTINATION_DOWN', { destination: 'pacs' });
  const down = (await parts({ echoes: echoes({ ok: false, error, at: since, since }) })).at(-2);
  expect(down).toMatchObject({ ok: false, required: false, reason: error.message });
});

test('a process tells only of what its roles need', async () => {
  const names = async (roles: string[], more: Partial<ReadinessDeps>): Promise<string[]> =>
    (await parts({ config: configSchema.parse({ ...healthy.config, roles }), ...more })).map(
      ({ name }) => name,
    );
  expect(await names(['receive'], { inference: null })).toEqual([
    'database',
    'spool',
    'listener',
    'audit trail',
  ]);
  expect(await names(['analyse'], { listener: null })).toEqual([
    'database',
    'spool',
    'inference',
    'audit trail',
  ]);
  expect(await names(['deliver', 'admin'], { listener: null, inference: null })).toEqual([
    'database',
    'spool',
    'audit trail',
    'destination pacs',
    'destination archive',
  ]);
});
