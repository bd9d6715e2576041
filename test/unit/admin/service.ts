import type { UserStore } from '../../../src/admin/access/types';
import { createMetrics } from '../../../src/admin/metrics';
import { type Admin, type AdminDeps, startAdmin } from '../../../src/admin/server';
import type { Part } from '../../../src/admin/types';
import { configSchema } from '../../../src/config/schema';
import { RaunetError } from '../../../src/lib/errors';
import { silentLog } from '../../../src/lib/log';
import type { SeriesDetail } from '../../../src/records/read';
import type { SeriesRecord } from '../../../src/records/types';

export const seriesRecord = (n: number, more: Partial<SeriesRecord> = {}): SeriesRecord => ({
  seriesUid: `1.2.3.${n}`,
  studyUid: '1.2.3',
  state: 'done',
  priority: 'routine',
  callingAe: 'CT1',
  calledAe: 'RAUNET',
  callingAddress: '127.0.0.1',
  instances: 60,
  expectedInstances: 60,
  revision: 1,
  progress: 1,
  code: null,
  reason: null,
  firstReceivedAt: new Date(Date.UTC(2026, 0, 1, 12, 0, n)),
  lastReceivedAt: new Date(Date.UTC(2026, 0, 1, 12, 1, n)),
  updatedAt: new Date(Date.UTC(2026, 0, 1, 12, 2, n)),
  finishedAt: new Date(Date.UTC(2026, 0, 1, 12, 2, n)),
  erasedAt: null,
  ...more,
});

export const seriesDetail = (series: SeriesRecord): SeriesDetail => ({
  ...series,
  conflicts: ['1.2.3.4.5'],
  events: [
    {
      at: series.firstReceivedAt,
      state: 'spool',
      code: null,
      sentence: 'First instance received.',
      actor: 'service',
    },
    { at: series.updatedAt, state: 'done', code: null, sentence: 'Sent to pacs.', actor: 'service' },
  ],
  results: [
    {
      sopInstanceUid: '2.25.1',
      sopClassUid: '1.2.840.10008.5.1.4.1.1.66.4',
      transferSyntaxUid: '1.2.840.10008.1.2.1',
      kind: 'SEG',
      seriesUid: '2.25.2',
      sourceSeriesUid: series.seriesUid,
      revision: 1,
      file: 'not/for/others.dcm',
      sha256: 'ab'.repeat(32),
      createdAt: series.updatedAt,
    },
  ],
  deliveries: [
    {
      sourceSeriesUid: series.seriesUid,
      revision: 1,
      destination: 'pacs',
      state: 'sent',
      attempts: 1,
      code: null,
      reason: null,
      updatedAt: series.updatedAt,
    },
  ],
});

export const parts: Part[] = [
  { name: 'database', ok: true, required: true, reason: 'PostgreSQL 18 answers in 2 ms.' },
  { name: 'destination pacs', ok: true, required: false, reason: 'C-ECHO answered in 4 ms.' },
];

/** No token, no session. */
export const nobody: UserStore = {
  tokens: () => Promise.resolve([]),
  addToken: () => Promise.resolve(),
  removeToken: () => Promise.resolve(false),
  session: () => Promise.resolve(null),
  addSession: () => Promise.resolve(),
  removeSession: () => Promise.resolve(),
};

/** The admin service on records that are given; `more` replaces what a test is about. */
export function startTestAdmin(
  records: readonly SeriesRecord[] = [],
  more: Partial<AdminDeps> = {},
): Promise<Admin> {
  const ended = (seriesUid: string): boolean =>
    records.some((record) => record.seriesUid === seriesUid && record.finishedAt !== null);
  const only = (fits: boolean, detail: string): Promise<void> =>
    fits ? Promise.resolve() : Promise.reject(new RaunetError('RAUNET_STATE', { detail }));
  return startAdmin({
    config: { ...configSchema.parse({}).admin, port: 0 },
    users: nobody,
    audit: () => {},
    version: '1.2.3',
    log: silentLog,
    metrics: createMetrics(),
    readiness: () => Promise.resolve(parts),
    gauges: {
      records: () =>
        Promise.resolve({
          series: [{ state: 'done', count: records.length, oldestSeconds: 7 }],
          deliveries: [{ destination: 'pacs', state: 'sent', count: records.length }],
        }),
      queues: () => Promise.resolve([{ queue: 'analyse', waiting: 2, active: 1 }]),
      diskFreeBytes: () => Promise.resolve(5e10),
    },
    series: {
      list: ({ states = [], studyUid, since, after, limit }) =>
        Promise.resolve(
          [...records]
            .filter(({ state }) => states.length === 0 || states.includes(state))
            .filter((record) => studyUid === undefined || record.studyUid === studyUid)
            .filter(({ lastReceivedAt }) => since === undefined || lastReceivedAt >= since)
            .filter(({ firstReceivedAt }) => after === undefined || firstReceivedAt < after.firstReceivedAt)
            .sort((a, b) => b.firstReceivedAt.getTime() - a.firstReceivedAt.getTime())
            .slice(0, limit),
        ),
      detail: (seriesUid) => {
        const record = records.find((known) => known.seriesUid === seriesUid);
        return Promise.resolve(record ? seriesDetail(record) : null);
      },
      retry: (seriesUid) => only(ended(seriesUid), 'it is at work'),
      cancel: (seriesUid) => only(!ended(seriesUid), 'it has ended'),
      setPriority: () => Promise.resolve(),
    },
    ...more,
  });
}
