import type { Pool } from 'pg';
import { configSchema } from '../../../src/config/schema';
import type { Admin } from '../../../src/admin/server';
import { createPool } from '../../../src/jobs/pool';
import { silentLog } from '../../../src/lib/log';
import { hashOf } from '../../../src/lib/secret';
import { recordCounts } from '../../../src/records/metrics';
import { seriesDetail, seriesList } from '../../../src/records/read';
import { userStore } from '../../../src/records/users';
import { freePort } from '../../fixtures/ports';
import { nobody, startTestAdmin } from './service';

// The admin pages while nothing listens where the database was.

const SECRET = 'known-before';
let pool: Pool;
let admin: Admin;

beforeAll(async () => {
  pool = createPool({ host: '127.0.0.1', port: await freePort(), user: 'raunet' }, silentLog);
  const never = () => Promise.reject(new Error('nothing is changed'));
  const token = { name: 'monitor', role: 'viewer', createdAt: new Date(), expiresAt: null } as const;
  admin = await startTestAdmin([], {
    config: { ...configSchema.parse({}).admin, port: 0, authentication: 'required' },
    users: {
      ...userStore(pool),
      tokens: () => Promise.resolve([{ ...token, sha256: hashOf(SECRET) }]),
      addToken: nobody.addToken,
    },
    series: {
      list: (filter) => seriesList(pool, filter),
      detail: (uid) => seriesDetail(pool, uid),
      retry: never,
      cancel: never,
      setPriority: never,
    },
    gauges: {
      records: () => recordCounts(pool),
      queues: () => Promise.resolve([]),
      diskFreeBytes: () => Promise.resolve(5e10),
    },
  });
});
afterAll(async () => {
  await admin.close();
  await pool.end();
});

const get = (path: string, headers: Record<string, string>) =>
  fetch(`http://127.0.0.1:${admin.port}${path}`, { headers });
const token = { authorization: `Bearer ${SECRET}` };
const session = { cookie: 'raunet-session=of-a-browser' };

test.each(['/', '/dashboard.mjs', '/openapi.yaml', '/health'])(
  '%s is there, also for a browser that has signed in',
  async (path) => {
    expect((await get(path, session)).status).toBe(200);
  },
);

test.each([
  ['/api/series', token],
  ['/api/series/1.2.3', token],
  ['/api/summary', token],
  ['/api/series', session],
])('%s says that the database cannot be used', async (path, headers) => {
  const response = await get(path, headers);
  expect(response.status).toBe(503);
  expect(await response.json()).toMatchObject({ code: 'RAUNET_DATABASE' });
});
