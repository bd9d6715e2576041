import { configSchema } from '../../../src/config/schema';
import { transaction } from '../../../src/jobs/pool';
import { openQueues, type Queues } from '../../../src/jobs/queue';
import { silentLog } from '../../../src/lib/log';
import { migrate } from '../../../src/records/migrate';
import { findSeries } from '../../../src/records/read';
import { closeSeries, recordInstance } from '../../../src/records/receive';
import { saveResults } from '../../../src/records/results';
import { changeState } from '../../../src/records/state';
import { openSpool } from '../../../src/spool/spool';
import { ANALYSE_QUEUE, SERIES_QUEUE, seriesOptions } from '../../../src/steps/queues';
import { upkeep } from '../../../src/steps/upkeep';
import { startTestDatabase, type TestDatabase } from '../../fixtures/database';
import { received, sha256 } from '../../fixtures/received';

let database: TestDatabase;
let queues: Queues;
let studies = 0;

beforeAll(async () => {
  database = await startTestDatabase();
  await migrate(database.pool);
  queues = await openQueues({ connection: database.connection, log: silentLog });
  for (const queue of [SERIES_QUEUE, ANALYSE_QUEUE]) await queues.define(queue, seriesOptions);
});
afterAll(async () => {
  await queues?.stop(1);
  await database?.stop();
});

async function reconcile(perStudy: 'one' | 'all' = 'one'): Promise<void> {
  const { pool, dataDir } = database;
  const tasks = upkeep({
    config: configSchema.parse({ series: { perStudy } }),
    pool,
    queues,
    spool: await openSpool({ dataDir, log: silentLog }),
    // Nothing is compared: the series have no files here.
    checkSpool: () => Promise.reject(new Error('not compared')),
    log: silentLog,
    disk: { check: async () => {}, state: () => ({ low: false, freeBytes: 1e9 }) },
    echoes: { run: async () => {}, results: () => new Map() },
    audit: () => {},
  });
  await tasks.reconcile!();
}

/** Two series of a study that are at work, the thin one preferred. */
async function twoSeries(): Promise<{ thin: string; thick: string }> {
  const studyUid = `1.2.${++studies}`;
  const [thin, thick] = [`${studyUid}.1`, `${studyUid}.2`] as const;
  for (const uid of [thin, thick])
    await transaction(database.pool, async (tx) => {
      await recordInstance(tx, { ...received(uid, 1), studyUid }, 'routine');
      await closeSeries(tx, uid, 1, 'It is quiet.');
    });
  return { thin, thick };
}

const end = (
  uid: string,
  to: 'refused' | 'failed' | 'cancelled',
  code: 'RAUNET_NOT_SELECTED' | 'RAUNET_INCOMPLETE',
) =>
  transaction(
    database.pool,
    async (tx) => void (await changeState(tx, uid, { to, code, sentence: 'It ended.' })),
  );
const stateOf = async (uid: string) => (await findSeries(database.pool, uid))!.state;

test.each(['refused', 'failed', 'cancelled'] as const)(
  'a series that gave way to one that is %s after it is decided on anew, once',
  async (to) => {
    const { thin, thick } = await twoSeries();
    await end(thick, 'refused', 'RAUNET_NOT_SELECTED');
    await reconcile();
    expect(await stateOf(thick)).toBe('refused');
    await end(thin, to, 'RAUNET_INCOMPLETE');
    await reconcile('all');
    expect(await stateOf(thick)).toBe('refused');
    await reconcile();
    expect(await stateOf(thick)).toBe('spool');
    expect(await queues.has(database.pool, SERIES_QUEUE, thick)).toBe(true);

    await transaction(database.pool, (tx) => closeSeries(tx, thick, 1, 'It is quiet.'));
    await end(thick, 'refused', 'RAUNET_NOT_SELECTED');
    await reconcile();
    expect([await stateOf(thin), await stateOf(thick)]).toEqual([to, 'refused']);
  },
);

test('a series gives way to one that has results, though nobody could be sent them', async () => {
  const { thin, thick } = await twoSeries();
  await end(thick, 'refused', 'RAUNET_NOT_SELECTED');
  const result = {
    sopInstanceUid: `${thin}.9`,
    sopClassUid: '1.2.840.10008.5.1.4.1.1.66.4',
    transferSyntaxUid: '1.2.840.10008.1.2.1',
    kind: 'SEG' as const,
    seriesUid: `${thin}.8`,
    file: `${thin}/${thin}.9.dcm`,
    sha256: sha256('seg'),
  };
  await transaction(database.pool, async (tx) => {
    for (const to of ['volume', 'tensor', 'inference', 'mask', 'result'] as const)
      await changeState(tx, thin, { to, sentence: `${to}.` });
    await saveResults(tx, { seriesUid: thin, revision: 1, results: [result], destinations: [] });
  });
  await reconcile();
  expect([await stateOf(thin), await stateOf(thick)]).toEqual(['failed', 'refused']);
});
