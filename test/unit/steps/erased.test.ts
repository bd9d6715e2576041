import { configSchema } from '../../../src/config/schema';
import { readHeader } from '../../../src/dicom/read';
import { transaction } from '../../../src/jobs/pool';
import { openQueues, type Queues } from '../../../src/jobs/queue';
import { silentLog } from '../../../src/lib/log';
import { eraseSeries, forgetErased } from '../../../src/records/erase';
import { migrate } from '../../../src/records/migrate';
import { closeSeries, recordInstance } from '../../../src/records/receive';
import { buildResults } from '../../../src/result/results';
import type { EncodedObject } from '../../../src/result/types';
import { openSpool, type Spool } from '../../../src/spool/spool';
import { type AnalyseDeps, runAnalysis } from '../../../src/steps/analyse';
import { startTestDatabase, type TestDatabase } from '../../fixtures/database';
import { received } from '../../fixtures/received';
import { codes, context, source } from '../../fixtures/result-source';

// A series that is sent again after retention erased it, on the real PostgreSQL, spool and result stage.

const SERIES = '1.2.3.4';
let database: TestDatabase;
let queues: Queues;
let spool: Spool;

beforeAll(async () => {
  database = await startTestDatabase();
  await migrate(database.pool);
  queues = await openQueues({ connection: database.connection, log: silentLog });
  spool = await openSpool({ dataDir: database.dataDir, log: silentLog });
});
afterAll(async () => {
  await queues?.stop(1);
  await database?.stop();
});

/** Sends the series, analyses it, and returns what is kept for the PACS. */
async function analysed(): Promise<EncodedObject[]> {
  const { pool } = database;
  await transaction(pool, (tx) => recordInstance(tx, received(SERIES, 1), 'routine'));
  const revision = (await transaction(pool, (tx) => closeSeries(tx, SERIES, 1, 'It is quiet.')))!;
  let objects: EncodedObject[] = [];
  const deps: AnalyseDeps = {
    pool,
    queues,
    codes,
    spool: { ...spool, verify: async () => {} },
    checkFolders: async () => {},
    config: configSchema.parse({}),
    producer: () => context().producer,
    log: silentLog,
    stageSeconds: () => {},
    failed: () => {},
    analyst: {
      async analyse(_material, run) {
        await run.report('result', 0);
        const { analysis } = source();
        objects = buildResults(analysis, await run.context([]));
        return { measurements: analysis.measurements, warnings: [], objects, pictures: null };
      },
      refuse: () => Promise.reject(new Error('it is not refused')),
      close: async () => {},
    },
  };
  const signal = new AbortController().signal;
  await runAnalysis(
    { id: 'job', data: { seriesUid: SERIES, revision }, attempt: 1, signal, complete: async () => {} },
    deps,
  );
  return objects;
}

const erase = async (): Promise<void> => {
  const series = { studyUid: '1.2.3', seriesUid: SERIES };
  const later = "UPDATE raunet.series SET finished_at = now() - interval '8 days'";
  await database.pool.query(later);
  await eraseSeries(database.pool, series, 7, () => spool.removeSeries(series));
};
const uids = (objects: EncodedObject[]): string[] =>
  objects.flatMap(({ seriesUid, sopInstanceUid }) => [seriesUid, sopInstanceUid]);
const report = (objects: EncodedObject[]): EncodedObject => objects.find(({ kind }) => kind === 'SR')!;
const supersedes = (objects: EncodedObject[]): (string | null)[] =>
  readHeader(report(objects).bytes)
    .dataset.items('PredecessorDocumentsSequence')
    .flatMap((study) => study.items('ReferencedSeriesSequence'))
    .flatMap((series) => series.items('ReferencedSOPSequence'))
    .map((each) => each.string('ReferencedSOPInstanceUID'));

test('its results are new instances in new series that supersede the old, each time, also when its history is forgotten', async () => {
  const first = await analysed();
  await erase();
  const second = await analysed();
  await erase();
  await database.pool.query("UPDATE raunet.series SET erased_at = now() - interval '366 days'");
  expect(await forgetErased(database.pool)).toBe(1);
  const third = await analysed();
  const all = [first, second, third].flatMap(uids);
  expect(new Set(all).size).toBe(all.length);
  expect(first.length).toBeGreaterThan(2);
  expect([first, second, third].map(supersedes)).toEqual([
    [],
    [report(first).sopInstanceUid],
    [report(second).sopInstanceUid],
  ]);
}, 60_000);
