import { transaction } from '../../../src/jobs/pool';
import type { Job } from '../../../src/jobs/queue';
import { type Log, silentLog } from '../../../src/lib/log';
import { migrate } from '../../../src/records/migrate';
import { cancelSeries } from '../../../src/records/operator';
import { findSeries } from '../../../src/records/read';
import { closeSeries, recordInstance } from '../../../src/records/receive';
import type { AnalyseJob } from '../../../src/steps/queues';
import { type StageReporter, stageReporter } from '../../../src/steps/stage-reporter';
import { startTestDatabase, type TestDatabase } from '../../fixtures/database';
import { received } from '../../fixtures/received';

let database: TestDatabase;
let warnings: string[] = [];
const log: Log = { ...silentLog, warn: (message) => void warnings.push(message) };

beforeAll(async () => {
  database = await startTestDatabase();
  await migrate(database.pool);
});
afterAll(() => database.stop());
beforeEach(() => {
  warnings = [];
});
afterEach(() => jest.restoreAllMocks());

/** The reporter of a series that is in `volume`. */
async function inVolume(seriesUid: string): Promise<StageReporter> {
  const { pool } = database;
  await transaction(pool, (tx) => recordInstance(tx, received(seriesUid, 1), 'routine'));
  const revision = (await transaction(pool, (tx) => closeSeries(tx, seriesUid, 1, 'It is quiet.')))!;
  const { signal } = new AbortController();
  const job: Job<AnalyseJob> = {
    id: 'job',
    data: { seriesUid, revision },
    attempt: 1,
    signal,
    complete: async () => {},
  };
  const reporter = stageReporter(job, { pool, log, stageSeconds: () => {} });
  await reporter.report('volume', 0);
  return reporter;
}

/** Progress is told at most every 500 ms. */
const told = async (reporter: StageReporter, done: number): Promise<void> => {
  jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 1000);
  await reporter.report('volume', done);
};

test('an analysis goes on while its progress cannot be written, with one warning', async () => {
  const reporter = await inVolume('1.1');
  const query = jest.spyOn(database.pool, 'query');
  query.mockImplementation(() => Promise.reject(new Error('Connection terminated unexpectedly')));
  await told(reporter, 0.2);
  await told(reporter, 0.4);
  query.mockRestore();
  expect(reporter.signal.aborted).toBe(false);
  expect(warnings).toEqual(['the progress of an analysis is not on record']);
  await told(reporter, 0.5);
  expect(await findSeries(database.pool, '1.1')).toMatchObject({ state: 'volume', progress: 0.5 });
});

test.each([
  ['an operator cancelled it', 'RAUNET_CANCELLED', '1.2'],
  ['a newer instance came', 'RAUNET_SUPERSEDED', '1.3'],
])('an analysis ends when %s', async (_, code, seriesUid) => {
  const reporter = await inVolume(seriesUid);
  await transaction(database.pool, async (tx) => {
    if (code === 'RAUNET_CANCELLED') await cancelSeries(tx, seriesUid, 'admin');
    else await recordInstance(tx, received(seriesUid, 2), 'routine');
  });
  await told(reporter, 0.5);
  expect(reporter.signal.reason).toMatchObject({ code });
  expect(warnings).toEqual([]);
});
