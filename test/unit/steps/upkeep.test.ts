import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { configSchema } from '../../../src/config/schema';
import { transaction } from '../../../src/jobs/pool';
import { openQueues, type Queues } from '../../../src/jobs/queue';
import type { ErrorCode } from '../../../src/lib/error-codes';
import { RaunetError } from '../../../src/lib/errors';
import { silentLog } from '../../../src/lib/log';
import { migrate } from '../../../src/records/migrate';
import { findSeries, seriesDetail } from '../../../src/records/read';
import { changePriority } from '../../../src/records/operator';
import { closeSeries, recordInstance } from '../../../src/records/receive';
import { changeState } from '../../../src/records/state';
import { openSpool } from '../../../src/spool/spool';
import { seriesDesk } from '../../../src/steps/operator';
import { continueDelivery } from '../../../src/steps/commit';
import {
  ANALYSE_QUEUE,
  analyseKey,
  deliverQueue,
  RANK,
  SERIES_QUEUE,
  seriesOptions,
} from '../../../src/steps/queues';
import { upkeep } from '../../../src/steps/upkeep';
import { startTestDatabase, type TestDatabase } from '../../fixtures/database';
import { received } from '../../fixtures/received';
import { storeResult } from '../../fixtures/stored-result';

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

const NOT_MOUNTED = () => Promise.reject(new RaunetError('RAUNET_FOLDER_FOREIGN'));

async function reconcile(perStudy: 'one' | 'all' = 'one'): Promise<void> {
  // Nothing is compared: the series have no files here.
  await (await tasksOf(perStudy, NOT_MOUNTED)).reconcile!();
}

async function tasksOf(perStudy: 'one' | 'all', checkFolders: () => Promise<void>, more: object = {}) {
  const { pool, dataDir } = database;
  return upkeep({
    config: configSchema.parse({ series: { perStudy }, ...more }),
    pool,
    queues,
    spool: await openSpool({ dataDir, log: silentLog }),
    checkFolders,
    log: silentLog,
    disk: { check: async () => {}, state: () => ({ low: false, freeBytes: 1e9 }) },
    echoes: { run: async () => {}, results: () => new Map() },
    audit: () => {},
  });
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

const end = (uid: string, to: 'refused' | 'failed' | 'cancelled', code: ErrorCode) =>
  transaction(
    database.pool,
    async (tx) => void (await changeState(tx, uid, { to, code, sentence: 'It ended.' })),
  );
const stateOf = async (uid: string) => (await findSeries(database.pool, uid))!.state;

test.each(['refused', 'failed'] as const)(
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

test('a series gives way to one that an operator cancelled: nothing of the study is to be sent', async () => {
  const { thin, thick } = await twoSeries();
  await end(thick, 'refused', 'RAUNET_NOT_SELECTED');
  await end(thin, 'cancelled', 'RAUNET_CANCELLED');
  await reconcile();
  expect([await stateOf(thin), await stateOf(thick)]).toEqual(['cancelled', 'refused']);
});

test.each(['RAUNET_SPOOL_READ', 'RAUNET_FOLDER_FOREIGN'] as const)(
  'a series whose attempts ended with %s is tried again once its files can be looked at',
  async (code) => {
    const { thin } = await twoSeries();
    await end(thin, 'failed', code);
    await reconcile();
    expect(await stateOf(thin)).toBe('failed');
    const file = join(database.dataDir, 'spool', received(thin, 1).file);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, 'instance');
    await (await tasksOf('one', async () => {})).reconcile!();
    expect(await queues.has(database.pool, SERIES_QUEUE, thin)).toBe(true);
  },
);

test('retention erases nothing of a spool that is not mounted', async () => {
  const { thin } = await twoSeries();
  await end(thin, 'refused', 'RAUNET_NOT_SELECTED');
  await database.pool.query(
    "UPDATE raunet.series SET finished_at = now() - interval '1 year' WHERE series_uid = $1",
    [thin],
  );
  await expect((await tasksOf('one', NOT_MOUNTED)).retention!()).rejects.toMatchObject({
    code: 'RAUNET_FOLDER_FOREIGN',
  });
  expect((await findSeries(database.pool, thin))!.erasedAt).toBeNull();
  await (await tasksOf('one', async () => {})).retention!();
  expect((await findSeries(database.pool, thin))!.erasedAt).not.toBeNull();
});

test('a series gives way to one that has results, though nobody could be sent them', async () => {
  const { thin, thick } = await twoSeries();
  await end(thick, 'refused', 'RAUNET_NOT_SELECTED');
  await transaction(database.pool, (tx) => storeResult(tx, thin, []));
  await reconcile();
  expect([await stateOf(thin), await stateOf(thick)]).toEqual(['failed', 'refused']);
});

const destinations = (...names: string[]) => ({
  destinations: names.map((name) => ({ name, aeTitle: 'CT1', host: '127.0.0.1', port: 9 })),
});

test('a delivery is left to a process that delivers: it has its job there, or ends where nobody knows its destination, and a retry sends to the one of now', async () => {
  const { thin: uid } = await twoSeries();
  await transaction(database.pool, (tx) => storeResult(tx, uid, ['pacs']));
  const run = async (roles: string[], ...names: string[]) => {
    const delivery = destinations(...names);
    await (await tasksOf('one', NOT_MOUNTED, { roles, delivery })).reconcile?.();
    const [only] = (await seriesDetail(database.pool, uid))!.deliveries;
    return `${only!.state} ${only!.code}`;
  };
  await queues.define(deliverQueue('pacs'), seriesOptions);
  const key = analyseKey({ seriesUid: uid, revision: 1 });
  for (const roles of [['receive'], ['analyse'], ['receive', 'admin']])
    expect(await run(roles)).toBe('waiting null');
  expect(await queues.has(database.pool, deliverQueue('pacs'), key)).toBe(false);
  expect(await run(['deliver'], 'pacs')).toBe('waiting null');
  expect(await queues.has(database.pool, deliverQueue('pacs'), key)).toBe(true);
  expect(await run(['deliver'], 'new')).toBe('dead RAUNET_DESTINATION_UNKNOWN');

  await queues.define(deliverQueue('new'), seriesOptions);
  const config = configSchema.parse({ delivery: destinations('new') });
  await seriesDesk({ pool: database.pool, queues, config }).retry(uid, 'admin');
  expect(await queues.has(database.pool, deliverQueue('new'), key)).toBe(true);
});

test('the delivery of a stat series goes first, also when its job is made again or is the next of a chain', async () => {
  const { thin: uid } = await twoSeries();
  await transaction(database.pool, async (tx) => {
    await changePriority(tx, uid, 'stat', 'admin');
    await storeResult(tx, uid, ['urgent']);
  });
  await queues.define(deliverQueue('urgent'), seriesOptions);
  const priority = async () => {
    const { rows } = await database.pool.query<{ priority: number }>(
      `SELECT priority FROM raunet_jobs.job WHERE name = '${deliverQueue('urgent')}'`,
    );
    return rows.map((row) => row.priority);
  };
  await (await tasksOf('one', NOT_MOUNTED, { delivery: destinations('pacs', 'urgent') })).reconcile!();
  expect(await priority()).toEqual([RANK.stat]);
  await database.pool.query('UPDATE raunet_jobs.job SET priority = 0');
  await transaction(database.pool, (tx) =>
    continueDelivery(queues, tx, { sourceSeriesUid: uid, revision: 1, destination: 'urgent' }),
  );
  expect(await priority()).toEqual([RANK.stat]);
});
