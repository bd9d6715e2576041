import { configSchema } from '../../../src/config/schema';
import { transaction } from '../../../src/jobs/pool';
import { openQueues, type Queues } from '../../../src/jobs/queue';
import { RaunetError } from '../../../src/lib/errors';
import { silentLog } from '../../../src/lib/log';
import { migrate } from '../../../src/records/migrate';
import { findSeries, instancesOf } from '../../../src/records/read';
import { closeSeries, recordInstance } from '../../../src/records/receive';
import { changeState } from '../../../src/records/state';
import type { SeriesState } from '../../../src/records/types';
import { openSpool, type Spool } from '../../../src/spool/spool';
import { type AnalyseDeps, runAnalysis } from '../../../src/steps/analyse';
import { startTestDatabase, type TestDatabase } from '../../fixtures/database';
import { received } from '../../fixtures/received';
import { codes, context } from '../../fixtures/result-source';

const SERIES = '1.2.3.4';
let database: TestDatabase;
let queues: Queues;

beforeAll(async () => {
  database = await startTestDatabase();
  await migrate(database.pool);
  queues = await openQueues({ connection: database.connection, log: silentLog });
});
afterAll(async () => {
  await queues?.stop(1);
  await database?.stop();
});

const notHere = () => Promise.reject(new Error('nothing is analysed'));

const deps = (spool: Spool): AnalyseDeps => ({
  pool: database.pool,
  queues,
  codes,
  spool,
  checkFolders: async () => {},
  config: configSchema.parse({}),
  producer: () => context().producer,
  log: silentLog,
  stageSeconds: () => {},
  failed: () => {},
  analyst: { analyse: notHere, refuse: notHere, close: async () => {} },
});

test('an analysis whose job another took over gives up, and refuses nothing', async () => {
  const { pool, dataDir } = database;
  const uid = '1.2.3.5';
  await transaction(pool, (tx) => recordInstance(tx, received(uid, 1), 'routine'));
  const revision = (await transaction(pool, (tx) => closeSeries(tx, uid, 1, 'It is quiet.')))!;
  const stage = (to: SeriesState) =>
    transaction(pool, (tx) => changeState(tx, uid, { to, revision, sentence: `${to}.` }));
  const spool = await openSpool({ dataDir, log: silentLog });
  const job = { id: 'job', data: { seriesUid: uid, revision }, attempt: 1, complete: async () => {} };
  const paused = runAnalysis(
    { ...job, signal: new AbortController().signal },
    {
      ...deps(spool),
      spool: { ...spool, verify: async () => {} },
      analyst: {
        analyse: async (_, { report }) => {
          await report('volume', 0);
          for (const to of ['tensor', 'inference', 'volume', 'tensor'] as const) await stage(to); // the other's
          await report('mask', 0);
          throw new Error('it goes on');
        },
        refuse: notHere,
        close: async () => {},
      },
    },
  );
  await expect(paused).rejects.toMatchObject({ code: 'RAUNET_JOB_TAKEN' });
  expect(await findSeries(pool, uid)).toMatchObject({ state: 'tensor', code: null });
});

test('files that are not there because the spool is not mounted are not lost: the job is tried again', async () => {
  const { pool, dataDir } = database;
  await transaction(pool, (tx) => recordInstance(tx, received(SERIES, 1), 'routine'));
  const revision = (await transaction(pool, (tx) => closeSeries(tx, SERIES, 1, 'It is quiet.')))!;
  const { signal } = new AbortController();
  const job = { id: 'job', data: { seriesUid: SERIES, revision }, attempt: 1, signal, complete: notHere };
  const notMounted = () => Promise.reject(new RaunetError('RAUNET_FOLDER_FOREIGN'));
  const spool = await openSpool({ dataDir, log: silentLog });
  await expect(runAnalysis(job, { ...deps(spool), checkFolders: notMounted })).rejects.toMatchObject({
    code: 'RAUNET_FOLDER_FOREIGN',
    class: 'transient',
  });
  expect(await findSeries(pool, SERIES)).toMatchObject({ state: 'series', code: null });
  expect(await instancesOf(pool, SERIES)).toMatchObject([{ lost: false }]);
});
