import { configSchema } from '../../../src/config/schema';
import { transaction } from '../../../src/jobs/pool';
import { openQueues, type Queues } from '../../../src/jobs/queue';
import { RaunetError } from '../../../src/lib/errors';
import { silentLog } from '../../../src/lib/log';
import { migrate } from '../../../src/records/migrate';
import { findSeries, instancesOf } from '../../../src/records/read';
import { closeSeries, recordInstance } from '../../../src/records/receive';
import type { ResultContext } from '../../../src/result/types';
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

const { signal } = new AbortController();

const depsWith = async (change: Partial<AnalyseDeps>): Promise<AnalyseDeps> => ({
  pool: database.pool,
  queues,
  codes,
  spool: await openSpool({ dataDir: database.dataDir, log: silentLog }),
  checkFolders: () => Promise.resolve(),
  config: configSchema.parse({}),
  producer: () => context().producer,
  log: silentLog,
  stageSeconds: () => {},
  failed: () => {},
  analyst: { analyse: notHere, refuse: notHere, close: async () => {} },
  ...change,
});
const notHere = () => Promise.reject(new Error('nothing is analysed'));

test('files that are not there because the spool is not mounted are not lost: the job is tried again', async () => {
  const { pool } = database;
  await transaction(pool, (tx) => recordInstance(tx, received(SERIES, 1), 'routine'));
  const revision = (await transaction(pool, (tx) => closeSeries(tx, SERIES, 1, 'It is quiet.')))!;
  const deps = await depsWith({
    checkFolders: () => Promise.reject(new RaunetError('RAUNET_FOLDER_FOREIGN')),
  });
  const job = { id: 'job', data: { seriesUid: SERIES, revision }, attempt: 1, signal, complete: notHere };
  await expect(runAnalysis(job, deps)).rejects.toMatchObject({
    code: 'RAUNET_FOLDER_FOREIGN',
    class: 'transient',
  });
  expect(await findSeries(pool, SERIES)).toMatchObject({ state: 'series', code: null });
  expect(await instancesOf(pool, SERIES)).toMatchObject([{ lost: false }]);
});

test('the results are told of instances that came with other bytes and are not analysed', async () => {
  const { pool } = database;
  const seriesUid = `${SERIES}.5`;
  for (const instance of [
    received(seriesUid, 1),
    received(seriesUid, 2),
    received(seriesUid, 2, 'other bytes'),
    received(seriesUid, 2, 'and others'),
  ])
    await transaction(pool, (tx) => recordInstance(tx, instance, 'routine'));
  const revision = (await transaction(pool, (tx) => closeSeries(tx, seriesUid, 2, 'It is quiet.')))!;
  const spool = {
    ...(await openSpool({ dataDir: database.dataDir, log: silentLog })),
    verify: async () => {},
  };
  let given: ResultContext | null = null;
  const analyse: AnalyseDeps['analyst']['analyse'] = async (_, run) => {
    given = await run.context([]);
    throw new Error('enough');
  };
  const deps = await depsWith({ spool, analyst: { analyse, refuse: notHere, close: async () => {} } });
  const job = { id: 'job', data: { seriesUid, revision }, attempt: 1, signal, complete: notHere };
  await expect(runAnalysis(job, deps)).rejects.toMatchObject({ code: 'RAUNET_INTERNAL' });
  expect(given).toMatchObject({
    remarks: [
      {
        code: 'CONFLICTING_INSTANCE',
        sentence:
          'Images left out: 1 SOP Instance UID came with other bytes than those that were received first.',
      },
    ],
  });
});
