import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Receipt } from '../../../src/association/types';
import { configSchema } from '../../../src/config/schema';
import { transaction } from '../../../src/jobs/pool';
import { openQueues, type Queues } from '../../../src/jobs/queue';
import { RaunetError } from '../../../src/lib/errors';
import { type Log, type LogFields, silentLog } from '../../../src/lib/log';
import { migrate } from '../../../src/records/migrate';
import { findSeries } from '../../../src/records/read';
import { openSpool, type Spool } from '../../../src/spool/spool';
import { assemble } from '../../../src/steps/assemble';
import { ANALYSE_QUEUE, SERIES_QUEUE, seriesOptions } from '../../../src/steps/queues';
import { storeReceipt } from '../../../src/steps/receive';
import { ctFile } from '../../fixtures/ct';
import { startTestDatabase, type TestDatabase } from '../../fixtures/database';
import { received } from '../../fixtures/received';

let database: TestDatabase;
let queues: Queues;
let warnings: LogFields[] = [];
const log: Log = { ...silentLog, warn: (_, fields = {}) => void warnings.push(fields) };
const config = configSchema.parse({ series: { quietSeconds: 1 } });

beforeAll(async () => {
  database = await startTestDatabase();
  await migrate(database.pool);
  queues = await openQueues({ connection: database.connection, log: silentLog });
  for (const queue of [SERIES_QUEUE, ANALYSE_QUEUE]) await queues.define(queue, seriesOptions);
  for (const number of [1, 2]) await store(slice('1.1', number));
});
afterAll(async () => {
  await queues?.stop(1);
  await database?.stop();
});
beforeEach(() => {
  warnings = [];
});

/**
 * Slice `number` of a series under the SOP Instance UID that it has in series 1.1, as a PACS sends it that moves slices to a
 * corrected series.
 */
const slice = (seriesUid: string, number: number): Receipt => ({
  ...received(seriesUid, number),
  sopInstanceUid: `1.1.${number}`,
  receivedAt: new Date(Date.now() - 60_000),
  modality: 'CT',
  duplicate: false,
  conflicting: false,
});

const store = (receipt: Receipt, files: Pick<Spool, 'path' | 'discard'> = noFiles): Promise<void> =>
  storeReceipt({ config, pool: database.pool, queues, log, spool: files })(receipt);
const noFiles = { path: () => __filename, discard: () => Promise.reject(new Error('nothing to discard')) };

/** Runs the job of a series as the queue would. */
const runJob = (seriesUid: string, spoolPath = (file: string) => file): Promise<void> =>
  assemble(
    {
      id: 'job',
      data: { seriesUid, associationEnded: false },
      attempt: 1,
      signal: new AbortController().signal,
      complete: async () => {},
    },
    {
      config,
      pool: database.pool,
      queues,
      log,
      spoolPath,
      countInstances: async () => null,
    },
  );

test('a series that begins with a known SOP Instance UID has its job, and the warning names the instance', async () => {
  await store(slice('1.2', 1));
  expect(await queues.has(database.pool, SERIES_QUEUE, '1.2')).toBe(true);
  expect(warnings).toMatchObject([{ seriesUid: '1.2', sopInstanceUid: '1.1.1' }]);
  await store({ ...slice('1.2', 3), sopInstanceUid: '1.2.3' });
  expect(await findSeries(database.pool, '1.2')).toMatchObject({ state: 'spool', instances: 1 });
});

test('a series that has nothing but known SOP Instance UIDs is refused with a code of its own, which names the other', async () => {
  for (const number of [1, 2]) await store(slice('1.3', number));
  warnings = [];
  await runJob('1.3');
  expect(await findSeries(database.pool, '1.3')).toMatchObject({
    state: 'refused',
    code: 'RAUNET_UID_REUSED',
    reason: expect.stringMatching(/of series 1\.1; series 1\.3/),
  });
  expect(warnings).toMatchObject([{ seriesUid: '1.3', code: 'RAUNET_UID_REUSED' }]);
});

test('the same after retention erased the other one; nothing at all is left out as before', async () => {
  for (const number of [1, 2]) await store(slice('1.4', number));
  await transaction(database.pool, (tx) => tx.query("DELETE FROM raunet.instance WHERE series_uid = '1.1'"));
  await runJob('1.4');
  expect(await findSeries(database.pool, '1.4')).toMatchObject({ code: 'RAUNET_UID_REUSED' });
  await runJob('1.1');
  expect(await findSeries(database.pool, '1.1')).toMatchObject({ code: 'RAUNET_NOT_SELECTED' });
});

test('a series UID that is on record in another study is refused, and nothing of it stays in the spool', async () => {
  const spool = await openSpool({ dataDir: database.dataDir, log });
  const incoming = spool.receive({ ...received('1.2', 9), callingAe: 'CT1', calledAe: 'RAUNET' });
  await incoming.write(Buffer.from('other study'));
  const kept = await incoming.keep({ studyUid: '9.9', seriesUid: '1.2' }).finally(() => incoming.close());
  const receipt = { ...slice('1.2', 9), ...kept };
  await expect(store(receipt, spool)).rejects.toMatchObject({ code: 'RAUNET_UID_CONFLICT' });
  expect(await readdir(spool.path('.'))).toEqual(['incoming']);
  await expect(store(receipt, noFiles)).rejects.toMatchObject({ code: 'RAUNET_UID_CONFLICT' });
  expect(warnings).toMatchObject([{ file: '9.9/1.2/1.2.9.dcm' }]);
});

describe('a series of the study that cannot be read', () => {
  const ours = '5.5.1';
  const rival = '5.5.2';
  beforeEach(async () => {
    await database.pool.query("DELETE FROM raunet.series WHERE study_uid = '5.5'");
    for (const uid of [ours, rival])
      await store({ ...slice(uid, 1), studyUid: '5.5', sopInstanceUid: `${uid}.1` });
    await writeFile(join(database.dataDir, 'ours.dcm'), ctFile());
    warnings = [];
  });
  afterEach(() => jest.restoreAllMocks());
  const onlyOurs = (file: string) =>
    file.includes(ours) ? join(database.dataDir, 'ours.dcm') : join(database.dataDir, 'not-there.dcm');

  test('is no rival, and a warning says which and why', async () => {
    await runJob(ours, onlyOurs);
    expect((await findSeries(database.pool, ours))!.state).not.toBe('spool');
    expect(warnings).toContainEqual(
      expect.objectContaining({
        studyUid: '5.5',
        seriesUid: rival,
        error: expect.objectContaining({ code: 'RAUNET_SPOOL_MISSING' }),
      }),
    );
  });

  test('because the database is away is looked at again: nothing is decided', async () => {
    const { pool } = database;
    const query = pool.query.bind(pool) as (...given: unknown[]) => unknown;
    jest
      .spyOn(pool, 'query')
      .mockImplementation((...given: unknown[]) =>
        /raunet.instance/.test(String(given[0])) && JSON.stringify(given[1]) === `["${rival}"]`
          ? Promise.reject(new RaunetError('RAUNET_DATABASE'))
          : query(...given),
      );
    await expect(runJob(ours, onlyOurs)).rejects.toMatchObject({ code: 'RAUNET_DATABASE' });
    expect((await findSeries(pool, ours))!.state).toBe('spool');
  });
});

test('no Success for a file that is gone by the time its instance is on record', async () => {
  const gone = { ...noFiles, path: () => join(database.dataDir, 'gone.dcm') };
  await expect(store(slice('1.6', 1), gone)).rejects.toMatchObject({
    code: 'RAUNET_SPOOL_WRITE',
    context: { seriesUid: '1.6' },
  });
});
