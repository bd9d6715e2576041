import { once } from 'node:events';
import { connect } from 'node:net';
import { request as httpRequest } from 'node:http';
import { configSchema } from '../../../src/config/schema';
import { createMetrics } from '../../../src/admin/metrics';
import type { Admin } from '../../../src/admin/server';
import type { Part } from '../../../src/admin/types';
import { type LogFields, silentLog } from '../../../src/lib/log';
import type { SeriesState } from '../../../src/records/types';
import { parts, seriesRecord, startTestAdmin } from './service';

let admin: Admin | undefined;
afterEach(async () => {
  await admin?.close();
  admin = undefined;
});

const url = (path: string): string => `http://127.0.0.1:${admin!.port}${path}`;
/** Whatever JSON came: the tests say what they expect of it. */
type Json = any;
const get = async (path: string): Promise<{ status: number; body: Json }> => {
  const response = await fetch(url(path));
  return { status: response.status, body: await response.json() };
};
const post = async (
  path: string,
  body: unknown = {},
  headers: Record<string, string> = {},
): Promise<{ status: number; body: Json }> => {
  const response = await fetch(url(path), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
};

describe('readiness', () => {
  const database = (ok: boolean): Part => ({ name: 'database', ok, required: true, reason: 'asked' });
  const pacs = (ok: boolean): Part => ({ name: 'destination pacs', ok, required: false, reason: 'asked' });

  test.each([
    ['ready', 200, [database(true), pacs(true)]],
    ['degraded', 200, [database(true), pacs(false)]],
    ['not ready', 503, [database(false), pacs(true)]],
  ])('%s is %i, with each part and its reason', async (status, code, given) => {
    admin = await startTestAdmin([], { readiness: () => Promise.resolve(given) });
    expect(await get('/ready')).toEqual({ status: code, body: { status, parts: given } });
  });

  test('health is live whatever readiness says', async () => {
    admin = await startTestAdmin([], { readiness: () => Promise.reject(new Error('all is lost')) });
    expect(await get('/health')).toMatchObject({ status: 200, body: { status: 'live', version: '1.2.3' } });
  });
});

describe('list', () => {
  const records = Array.from({ length: 7 }, (_, n) =>
    seriesRecord(n, { state: n % 2 === 0 ? 'done' : 'refused', studyUid: n < 3 ? '1.2.3' : '1.2.4' }),
  );
  const uids = (body: { series: { seriesUid: string }[] }) => body.series.map(({ seriesUid }) => seriesUid);

  test('pages by cursor give every series once, newest first', async () => {
    admin = await startTestAdmin(records);
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { body } = await get(`/api/series?limit=3${cursor && `&cursor=${cursor}`}`);
      seen.push(...uids(body));
      cursor = body.nextCursor;
    }
    expect(seen).toEqual([6, 5, 4, 3, 2, 1, 0].map((n) => `1.2.3.${n}`));
  });

  test('filters by state, study and time', async () => {
    admin = await startTestAdmin(records);
    expect(uids((await get('/api/series?state=refused')).body)).toHaveLength(3);
    expect(uids((await get('/api/series?state=refused,done')).body)).toHaveLength(7);
    expect(uids((await get('/api/series?study=1.2.4')).body)).toHaveLength(4);
    expect(uids((await get('/api/series?since=2026-01-01T12:01:05Z')).body)).toEqual(['1.2.3.6', '1.2.3.5']);
  });

  test.each([
    'state=asleep',
    'study=..%2F..',
    'since=yesterday',
    'limit=0',
    'limit=501',
    'limit=many',
    'cursor=bm9uc2Vuc2U',
    'patient=1',
    'state[]=done',
  ])('%s is a request that cannot be understood', async (query) => {
    admin = await startTestAdmin(records);
    const { status, body } = await get(`/api/series?${query}`);
    expect({ status, code: body.code }).toEqual({ status: 400, code: 'RAUNET_REQUEST' });
  });
});

describe('one series', () => {
  test('shows its history, results and deliveries, but no path of ours', async () => {
    admin = await startTestAdmin([seriesRecord(1)]);
    const { body } = await get('/api/series/1.2.3.1');
    expect(body.history).toHaveLength(2);
    expect(body.deliveries[0]).toMatchObject({ destination: 'pacs', state: 'sent' });
    expect(JSON.stringify(body)).not.toContain('not/for/others');
  });

  test('what a record gains does not get out by itself', async () => {
    const record = { ...seriesRecord(1), patientName: 'Secret^Name' };
    admin = await startTestAdmin([record]);
    for (const path of ['/api/series', '/api/series/1.2.3.1'])
      expect(JSON.stringify((await get(path)).body)).not.toContain('Secret');
  });

  test('that was never received is a 404 with a code', async () => {
    admin = await startTestAdmin([]);
    expect(await get('/api/series/1.2.3.9')).toMatchObject({
      status: 404,
      body: { code: 'RAUNET_NOT_FOUND' },
    });
    expect(await post('/api/series/1.2.3.9/retry')).toMatchObject({ status: 404 });
  });
});

describe('actions', () => {
  test('answer with a sentence', async () => {
    admin = await startTestAdmin([
      seriesRecord(1),
      seriesRecord(2, { state: 'inference', finishedAt: null }),
    ]);
    expect(await post('/api/series/1.2.3.1/retry')).toEqual({
      status: 200,
      body: { sentence: 'The series is on its way again.' },
    });
    expect((await post('/api/series/1.2.3.2/cancel')).status).toBe(200);
    expect((await post('/api/series/1.2.3.2/priority', { priority: 'stat' })).body.sentence).toContain(
      'stat',
    );
  });

  test('that do not fit the state are a conflict with the reason', async () => {
    admin = await startTestAdmin([seriesRecord(1)]);
    const { status, body } = await post('/api/series/1.2.3.1/cancel');
    expect({ status, code: body.code }).toEqual({ status: 409, code: 'RAUNET_STATE' });
    expect(body.detail).toContain('it has ended');
  });

  test.each([
    ['a priority that does not exist', '/api/series/1.2.3.1/priority', { priority: 'now' }],
    ['no priority', '/api/series/1.2.3.1/priority', {}],
    ['more than was asked', '/api/series/1.2.3.1/retry', { force: true }],
    ['broken JSON', '/api/series/1.2.3.1/retry', '{'],
    ['more bytes than any request needs', '/api/series/1.2.3.1/retry', { a: 'x'.repeat(5000) }],
    ['something else than a UID', '/api/series/DROP%20TABLE/retry', {}],
  ])('with %s are refused', async (_, path, body) => {
    admin = await startTestAdmin([seriesRecord(1)]);
    expect(await post(path, body)).toMatchObject({ status: 400, body: { code: 'RAUNET_REQUEST' } });
  });
});

describe('web pages of others', () => {
  const raw = (headers: Record<string, string>, method = 'GET', path = '/api/series'): Promise<number> =>
    new Promise((resolve, reject) => {
      const { port } = admin!;
      const request = httpRequest({ host: '127.0.0.1', port, path, method, headers }, (response) => {
        response.resume();
        resolve(response.statusCode!);
      });
      request.on('error', reject).end(method === 'POST' ? '{}' : undefined);
    });
  const json = { 'Content-Type': 'application/json' };
  const retry = '/api/series/1.2.3.1/retry';

  beforeEach(async () => {
    admin = await startTestAdmin([seriesRecord(1)]);
  });

  test('cannot read through a host name that means 127.0.0.1', async () => {
    expect(await raw({ Host: 'evil.example:8080' })).toBe(403);
    expect(await raw({ Host: '127.0.0.1.evil.example' })).toBe(403);
    expect(await raw({ Host: 'localhost:8080' })).toBe(200);
    expect(await raw({ Host: '[::1]:8080' })).toBe(200);
  });

  test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'])(
    'cannot fire an action by a form of %s',
    async (type) => {
      expect(await raw({ 'Content-Type': type }, 'POST', retry)).toBe(403);
    },
  );

  test('cannot fire an action from another site; ours can', async () => {
    expect(await raw({ ...json, 'Sec-Fetch-Site': 'cross-site' }, 'POST', retry)).toBe(403);
    expect(await raw({ ...json, 'Sec-Fetch-Site': 'same-site' }, 'POST', retry)).toBe(403);
    expect(await raw({ ...json, 'Sec-Fetch-Site': 'same-origin' }, 'POST', retry)).toBe(200);
  });

  test('behind a proxy that puts its own Host, ours is the origin of publicUrl, and no other', async () => {
    await admin!.close();
    const config = { ...configSchema.parse({}).admin, port: 0, publicUrl: 'https://raunet.example' };
    admin = await startTestAdmin([seriesRecord(1)], { config });
    const from = (origin: string) => raw({ ...json, Host: 'localhost:8080', Origin: origin }, 'POST', retry);
    expect(await from('https://raunet.example')).toBe(200);
    for (const other of [
      'https://evil.example',
      'http://raunet.example',
      'https://raunet.example:8443',
      'null',
    ])
      expect(await from(other)).toBe(403);
    const denied = await post(`/api/series/1.2.3.1/retry`, {}, { Origin: 'https://evil.example' });
    expect(denied.body.detail).toContain('has to pass Host on');
  });

  test('get no CORS permission', async () => {
    const response = await fetch(url(retry), {
      method: 'OPTIONS',
      headers: { Origin: 'http://evil.example', 'Access-Control-Request-Method': 'POST' },
    });
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('every answer', () => {
  test('forbids scripts, frames and caching of others', async () => {
    admin = await startTestAdmin([]);
    for (const path of ['/', '/dashboard.mjs', '/api/series', '/nothing']) {
      const { headers } = await fetch(url(path));
      expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('x-powered-by')).toBeNull();
    }
  });

  test('the dashboard has no inline script or style, so that the policy can hold', async () => {
    admin = await startTestAdmin([]);
    const page = await (await fetch(url('/'))).text();
    expect(page).toContain('dashboard.mjs');
    expect(page).not.toMatch(/<script(?![^>]*src=)|<style|\sstyle=|\son\w+=/);
  });

  test('of an unexpected failure tells the code, logs the cause, and hides the particulars', async () => {
    const logged: LogFields[] = [];
    admin = await startTestAdmin([], {
      log: { ...silentLog, error: (_, fields) => void logged.push(fields!) },
      readiness: () => Promise.reject(new Error('secret of the database')),
    });
    const { status, body } = await get('/ready');
    expect({ status, code: body.code }).toEqual({ status: 500, code: 'RAUNET_INTERNAL' });
    expect(JSON.stringify(body)).not.toContain('secret');
    expect(String((logged[0]!.error as Error).message)).toContain('secret of the database');
  });
});

describe('metrics', () => {
  test('count what the stages report and ask for the rest', async () => {
    const metrics = createMetrics();
    admin = await startTestAdmin([seriesRecord(1)], { metrics });
    metrics.instanceReceived(512);
    metrics.instanceReceived(512);
    metrics.stageDone('inference', 12);
    metrics.failure('RAUNET_NOT_CHEST', 'tensor');
    metrics.objectSent('pacs');
    metrics.associationRejected('too many connections');
    const text = await (await fetch(url('/metrics'))).text();
    for (const line of [
      'raunet_instances_received_total 2',
      'raunet_received_bytes_total 1024',
      'raunet_stage_seconds_count{stage="inference"} 1',
      'raunet_failures_total{code="RAUNET_NOT_CHEST",stage="tensor"} 1',
      'raunet_objects_sent_total{destination="pacs"} 1',
      'raunet_associations_rejected_total{reason="too many connections"} 1',
      'raunet_series{state="done"} 1',
      'raunet_queue_jobs{queue="analyse",state="waiting"} 2',
      'raunet_series_oldest_seconds{state="done"} 7',
      'raunet_deliveries{destination="pacs",state="sent"} 1',
      'raunet_disk_free_bytes{folder="data"} 50000000000',
    ])
      expect(text).toContain(line);
    expect(text).toContain('nodejs_eventloop_lag_seconds');
    expect(text).toContain('process_resident_memory_bytes');
  });

  test('leave out what cannot be read, and forget series states that are gone', async () => {
    const metrics = createMetrics();
    const counts = (state: SeriesState) => () =>
      Promise.resolve({ series: [{ state, count: 3, oldestSeconds: 1 }], deliveries: [] });
    const gauges = {
      records: counts('failed'),
      queues: () => Promise.reject(new Error('no database')),
      diskFreeBytes: () => Promise.reject(new Error('no disk')),
    };
    expect(await metrics.text(gauges)).toContain('raunet_series{state="failed"} 3');
    const later = await metrics.text({ ...gauges, records: counts('done') });
    expect(later).not.toContain('state="failed"');
    expect(later).not.toMatch(/^raunet_disk_free_bytes/m);
    expect(later).not.toMatch(/^raunet_queue_jobs/m);
  });
});

test('a port that is taken is said so', async () => {
  admin = await startTestAdmin([]);
  const config = { ...configSchema.parse({}).admin, port: admin.port };
  await expect(startTestAdmin([], { config })).rejects.toMatchObject({ code: 'RAUNET_LISTEN' });
});

test('close ends idle connections and answers what is under way', async () => {
  let go = (): void => {};
  const waiting = new Promise<void>((resolve) => {
    go = resolve;
  });
  const service = await startTestAdmin([], {
    readiness: async () => {
      await waiting;
      return parts;
    },
  });
  const idle = await fetch(`http://127.0.0.1:${service.port}/health`);
  await idle.text();
  const answer = fetch(`http://127.0.0.1:${service.port}/ready`);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const closed = service.close();
  go();
  expect((await answer).status).toBe(200);
  await closed;
});

// Found by fuzzing (test/faults/fuzz-sockets.test.ts): it was logged as an unexpected error inside the service.
test('bytes that are no HTTP behind a request are no fault of the service', async () => {
  const errors: unknown[] = [];
  admin = await startTestAdmin([], {
    log: { ...silentLog, error: (message, fields) => void errors.push([message, fields]) },
  });
  const socket = connect({ port: admin.port, host: '127.0.0.1' });
  socket.on('error', () => {});
  socket.resume();
  socket.end('GET /openapi.yaml HTTP/1.1\r\nHost: localhost\r\n\r\n!\r\n\r\n');
  await once(socket, 'close');
  expect((await fetch(url('/health'))).ok).toBe(true);
  expect(errors).toEqual([]);
});
