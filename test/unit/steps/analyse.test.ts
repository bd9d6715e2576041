import { configSchema } from '../../../src/config/schema';
import { transaction } from '../../../src/jobs/pool';
import { openQueues, type Queues } from '../../../src/jobs/queue';
import { RaunetError } from '../../../src/lib/errors';
import { type LogFields, silentLog } from '../../../src/lib/log';
import { migrate } from '../../../src/records/migrate';
import { findSeries, instancesOf } from '../../../src/records/read';
import { closeSeries, recordInstance } from '../../../src/records/receive';
import type { ResultContext } from '../../../src/result/types';
import { openSpool } from '../../../src/spool/spool';
import { type AnalyseDeps, analysisDead, runAnalysis } from '../../../src/steps/analyse';
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
let warnings: LogFields[] = [];
const notHere = () => Promise.reject(new Error('nothing is analysed'));
const depsWith = async (change: Partial<AnalyseDeps>): Promise<AnalyseDeps> => ({
  pool: database.pool,
  queues,
  codes,
  spool: await openSpool({ dataDir: database.dataDir, log: silentLog }),
  checkFolders: () => Promise.resolve(),
  config: configSchema.parse({}),
  producer: () => context().producer,
  log: { ...silentLog, warn: (_, fields = {}) => void warnings.push(fields) },
  stageSeconds: () => {},
  failed: () => {},
  analyst: { analyse: notHere, refuse: notHere, close: async () => {} },
  ...change,
});
const notMounted = {
  checkFolders: () => Promise.reject(new RaunetError('RAUNET_FOLDER_FOREIGN')),
};

async function closed(seriesUid: string): Promise<number> {
  const { pool } = database;
  await transaction(pool, (tx) => recordInstance(tx, received(seriesUid, 1), 'routine'));
  return (await transaction(pool, (tx) => closeSeries(tx, seriesUid, 1, 'It is quiet.')))!;
}

test('files that are not there because the spool is not mounted are not lost: the job is tried again', async () => {
  const { pool } = database;
  const revision = await closed(SERIES);
  const job = { id: 'job', data: { seriesUid: SERIES, revision }, attempt: 1, signal, complete: notHere };
  await expect(runAnalysis(job, await depsWith(notMounted))).rejects.toMatchObject({
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

describe('the end of an analysis that failed too often, where its files cannot be read for a report', () => {
  const error = new RaunetError('RAUNET_INFERENCE');
  beforeEach(() => {
    warnings = [];
  });

  test('the series fails without one, and a warning says why', async () => {
    const revision = await closed('1.2.3.5');
    await analysisDead({ seriesUid: '1.2.3.5', revision }, error, await depsWith(notMounted));
    expect(await findSeries(database.pool, '1.2.3.5')).toMatchObject({
      state: 'failed',
      code: 'RAUNET_INFERENCE',
    });
    const { studyUid } = received('1.2.3.5', 1);
    const because = expect.objectContaining({ code: 'RAUNET_FOLDER_FOREIGN' });
    expect(warnings).toMatchObject([{ studyUid, seriesUid: '1.2.3.5', error: because }]);
  });

  test('because the database is away, it comes again', async () => {
    const revision = await closed('1.2.3.6');
    const away = { checkFolders: () => Promise.reject(new RaunetError('RAUNET_DATABASE')) };
    const dead = analysisDead({ seriesUid: '1.2.3.6', revision }, error, await depsWith(away));
    await expect(dead).rejects.toMatchObject({ code: 'RAUNET_DATABASE' });
    expect(await findSeries(database.pool, '1.2.3.6')).toMatchObject({ state: 'series' });
  });
});
