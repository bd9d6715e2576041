import { configSchema } from '../../../src/config/schema';
import { transaction } from '../../../src/jobs/pool';
import { openQueues, type Queues } from '../../../src/jobs/queue';
import { RaunetError } from '../../../src/lib/errors';
import { silentLog } from '../../../src/lib/log';
import { migrate } from '../../../src/records/migrate';
import { findSeries, instancesOf } from '../../../src/records/read';
import { closeSeries, recordInstance } from '../../../src/records/receive';
import { openSpool } from '../../../src/spool/spool';
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

test('files that are not there because the spool is not mounted are not lost: the job is tried again', async () => {
  const { pool, dataDir } = database;
  await transaction(pool, (tx) => recordInstance(tx, received(SERIES, 1), 'routine'));
  const revision = (await transaction(pool, (tx) => closeSeries(tx, SERIES, 1, 'It is quiet.')))!;
  const notHere = () => Promise.reject(new Error('nothing is analysed'));
  const deps: AnalyseDeps = {
    pool,
    queues,
    codes,
    spool: await openSpool({ dataDir, log: silentLog }),
    checkFolders: () => Promise.reject(new RaunetError('RAUNET_FOLDER_FOREIGN')),
    config: configSchema.parse({}),
    producer: () => context().producer,
    log: silentLog,
    stageSeconds: () => {},
    failed: () => {},
    analyst: { analyse: notHere, refuse: notHere, close: async () => {} },
  };
  const { signal } = new AbortController();
  const job = { id: 'job', data: { seriesUid: SERIES, revision }, attempt: 1, signal, complete: notHere };
  await expect(runAnalysis(job, deps)).rejects.toMatchObject({
    code: 'RAUNET_FOLDER_FOREIGN',
    class: 'transient',
  });
  expect(await findSeries(pool, SERIES)).toMatchObject({ state: 'series', code: null });
  expect(await instancesOf(pool, SERIES)).toMatchObject([{ lost: false }]);
});
