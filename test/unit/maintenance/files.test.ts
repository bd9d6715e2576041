import { access, appendFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import promises from 'node:fs/promises';
import { join } from 'node:path';
import { transaction } from '../../../src/jobs/pool';
import { RaunetError } from '../../../src/lib/errors';
import { type Log, type LogFields, silentLog } from '../../../src/lib/log';
import { reconcile } from '../../../src/maintenance/reconcile';
import { retention } from '../../../src/maintenance/retention';
import { eraseSeries, expiredSeries, forgetErased } from '../../../src/records/erase';
import { filesOf, seriesWithFiles } from '../../../src/records/files';
import { migrate } from '../../../src/records/migrate';
import { findSeries, instancesOf } from '../../../src/records/read';
import { markLost, recordInstance } from '../../../src/records/receive';
import { changeState } from '../../../src/records/state';
import { openSpool, type Spool } from '../../../src/spool/spool';
import { startTestDatabase, type TestDatabase } from '../../fixtures/database';

// The real spool and the real database, put together as src/app.ts does.

const STUDY = '1.2.3';

let database: TestDatabase;
let spool: Spool;
let lines: { message: string; fields: LogFields }[] = [];
const push = (message: string, fields: LogFields = {}) => void lines.push({ message, fields });
const log: Log = { ...silentLog, info: push, warn: push, error: push };

beforeAll(async () => {
  database = await startTestDatabase();
  spool = await openSpool({ dataDir: database.dataDir, log: silentLog });
});

beforeEach(async () => {
  lines = [];
  await database.pool.query('DROP SCHEMA IF EXISTS raunet CASCADE');
  await migrate(database.pool);
  for (const name of await readdir(spool.path('.')))
    if (name !== 'incoming') await rm(spool.path(name), { recursive: true });
  spool = await openSpool({ dataDir: database.dataDir, log });
});

afterAll(() => database.stop());

/** Stores an instance; with `recorded` false the service died before the transaction. */
async function store(seriesUid: string, number: number, bytes = 'pixels', recorded = true): Promise<string> {
  const sopInstanceUid = `${seriesUid}.${number}`;
  const incoming = await spool.receive({
    sopInstanceUid,
    sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
    transferSyntaxUid: '1.2.840.10008.1.2.1',
    callingAe: 'CT1',
    calledAe: 'RAUNET',
  });
  await incoming.write(Buffer.from(bytes.padEnd(64, '.')));
  const stored = await incoming.keep({ studyUid: STUDY, seriesUid }).finally(() => incoming.close());
  if (recorded)
    await transaction(database.pool, (tx) =>
      recordInstance(tx, { ...stored, callingAddress: '10.0.0.7' }, 'routine'),
    );
  return stored.file;
}

const later = { now: () => new Date(Date.now() + 120_000) };
const runReconcile = (
  clock = later,
  resume = async (): Promise<string[]> => [],
  mounted = async (): Promise<void> => {},
) =>
  reconcile({
    spoolFiles: () => spool.list(),
    exists: (file) => spool.exists(file),
    mounted,
    reopen: async () => {},
    inspect: (file) => spool.inspect(file),
    recorded: (seriesUid) => filesOf(database.pool, seriesUid),
    recordedSeries: () => seriesWithFiles(database.pool),
    record: async (found) => {
      await transaction(database.pool, (tx) =>
        recordInstance(tx, { ...found, callingAddress: '' }, 'routine'),
      );
    },
    lost: (seriesUid, files) =>
      transaction(database.pool, (tx) => markLost(tx, seriesUid, files, 'RAUNET_SPOOL_MISSING')),
    resume,
    log,
    clock,
  });

const hashes = async (seriesUid: string) =>
  (await instancesOf(database.pool, seriesUid)).map(({ sha256 }) => sha256);

describe('reconcile', () => {
  test('a spool and a database that agree are left alone', async () => {
    await store('1.1', 1);
    await store('1.2', 1);
    await runReconcile();
    expect(lines).toEqual([]);
  });

  test('a file whose record was lost with the process is recorded as received', async () => {
    await store('1.1', 1);
    await store('1.1', 2, 'pixels', false);
    await runReconcile();
    expect(await findSeries(database.pool, '1.1')).toMatchObject({
      state: 'spool',
      instances: 2,
      callingAe: 'CT1',
    });
  });

  test('a file that has just come is left to the association that brings it', async () => {
    await store('1.1', 1, 'pixels', false);
    await runReconcile({ now: () => new Date() });
    expect(await findSeries(database.pool, '1.1')).toBeNull();
  });

  test('an empty database is rebuilt from the spool: same instances, same hashes, same sender, conflicting ones still set aside', async () => {
    for (const n of [1, 2, 3]) await store('1.1', n);
    await store('1.1', 2, 'other bytes');
    await store('1.2', 1);
    const before = [await hashes('1.1'), await hashes('1.2')];
    await database.pool.query('TRUNCATE raunet.series CASCADE');
    await runReconcile();
    expect([await hashes('1.1'), await hashes('1.2')]).toEqual(before);
    expect(await findSeries(database.pool, '1.1')).toMatchObject({
      instances: 3,
      studyUid: STUDY,
      callingAe: 'CT1',
      calledAe: 'RAUNET',
      state: 'spool',
    });
    expect((await filesOf(database.pool, '1.1')).size).toBe(4);
  });

  test('a file that is gone fails its series with RAUNET_SPOOL_MISSING, once; put back, it heals', async () => {
    const file = await store('1.1', 1);
    await store('1.1', 2);
    await rm(spool.path(file));
    await runReconcile();
    await runReconcile();
    expect(await findSeries(database.pool, '1.1')).toMatchObject({
      state: 'failed',
      code: 'RAUNET_SPOOL_MISSING',
    });
    expect(lines.map(({ message }) => message)).toEqual(['Received files are gone from the spool']);

    await store('1.1', 1, 'pixels', false);
    await runReconcile();
    expect(await findSeries(database.pool, '1.1')).toMatchObject({
      state: 'spool',
      instances: 2,
      code: null,
    });
  });

  test('a whole folder that is gone is found too', async () => {
    await store('1.1', 1);
    await rm(spool.path(`${STUDY}/1.1`), { recursive: true });
    await runReconcile();
    expect(await findSeries(database.pool, '1.1')).toMatchObject({
      state: 'failed',
      code: 'RAUNET_SPOOL_MISSING',
    });
  });

  test('a foreign file is a coded error each time and keeps nothing else from being recorded', async () => {
    await store('1.1', 1, 'pixels', false);
    await writeFile(join(spool.path(`${STUDY}/1.1`), '0.dcm'), 'not DICOM');
    await appendFile(spool.path(`${STUDY}/notes.txt`), 'no instance');
    await runReconcile();
    const errors = lines.filter(({ fields }) => fields.error);
    expect(errors.map(({ fields }) => (fields.error as { code: string }).code)).toEqual([
      'RAUNET_SPOOL_ALTERED',
    ]);
    expect(await findSeries(database.pool, '1.1')).toMatchObject({ instances: 1 });
  });

  /** As for a service that is not root. Returns what ends it. */
  const forbid = (folder: string): (() => void) => {
    const { readdir: read, access: look } = promises;
    const denied = (path: unknown) =>
      String(path).startsWith(folder) &&
      Promise.reject(Object.assign(new Error(`EACCES: permission denied, '${folder}'`), { code: 'EACCES' }));
    const reads = jest.spyOn(promises, 'readdir') as jest.SpyInstance;
    const looks = jest.spyOn(promises, 'access') as jest.SpyInstance;
    reads.mockImplementation((path, options) => denied(path) || read(path, options));
    looks.mockImplementation((path, mode) => denied(path) || look(path, mode));
    return () => void [reads, looks].map((spy) => spy.mockRestore());
  };

  test('the lost+found of a spool with a file system of its own is nothing to the service', async () => {
    await mkdir(spool.path('lost+found'));
    await store('1.1', 1, 'pixels', false);
    const allow = forbid(spool.path('lost+found'));
    await runReconcile().finally(allow);
    expect(await findSeries(database.pool, '1.1')).toMatchObject({ instances: 1 });
    expect(lines.map(({ message }) => message)).toEqual([
      'A file of the spool was not on record; it is recorded as received',
    ]);
  });

  test('a folder that cannot be read is named; its files are not lost, and the rest goes on', async () => {
    await store('1.1', 1);
    await store('1.2', 1, 'pixels', false);
    const allow = forbid(spool.path(`${STUDY}/1.1`));
    await runReconcile(later, async () => ['1.3']).finally(allow);
    expect(lines[0]!.fields.error).toMatchObject({
      code: 'RAUNET_SPOOL_READ',
      message: expect.stringContaining(`${STUDY}/1.1: EACCES`),
    });
    expect(await findSeries(database.pool, '1.1')).toMatchObject({ state: 'spool', code: null });
    expect(await findSeries(database.pool, '1.2')).toMatchObject({ instances: 1 });
    expect(lines.at(-1)!.fields).toEqual({ resumed: ['1.3'] });
  });

  test('a spool that is not mounted has lost nothing: the error says so, and jobs are made all the same', async () => {
    const file = await store('1.1', 1);
    await rm(spool.path(file));
    const notMounted = new RaunetError('RAUNET_FOLDER_FOREIGN', { detail: 'spool has no install.json' });
    await runReconcile(
      later,
      async () => ['1.3'],
      () => Promise.reject(notMounted),
    );
    expect(await findSeries(database.pool, '1.1')).toMatchObject({ state: 'spool', code: null });
    expect(lines.map(({ fields }) => fields)).toEqual([
      { stage: 'spool', error: notMounted },
      { resumed: ['1.3'] },
    ]);
  });

  test('jobs that are lacking are made at the end, and named', async () => {
    await runReconcile(later, async () => ['1.1']);
    expect(lines).toEqual([
      { message: 'Made the missing jobs of series at work', fields: { resumed: ['1.1'] } },
    ]);
  });
});

describe('retention', () => {
  const run = () =>
    retention({
      expired: () => expiredSeries(database.pool, 7),
      erase: (series) => eraseSeries(database.pool, series, 7, () => spool.removeSeries(series)),
      forget: () => forgetErased(database.pool),
      log,
    });

  const end = (seriesUid: string, days: number) =>
    transaction(database.pool, async (tx) => {
      await changeState(tx, seriesUid, { to: 'failed', code: 'RAUNET_NO_GEOMETRY', sentence: 'No.' });
      await tx.query(
        'UPDATE raunet.series SET finished_at = now() - make_interval(days => $2) WHERE series_uid = $1',
        [seriesUid, days],
      );
    });

  test('erases the files of what ended long ago, says the UIDs and counts, and touches nothing else', async () => {
    await store('1.1', 1);
    await store('1.1', 2);
    const young = await store('1.2', 1);
    const working = await store('1.3', 1);
    await spool.storeResult({ sourceSeriesUid: '1.1', sopInstanceUid: '9.9', bytes: Buffer.from('seg') });
    await end('1.1', 8);
    await end('1.2', 6);
    await run();
    const left: string[] = [];
    for await (const file of spool.list()) left.push(file);
    expect(left.sort()).toEqual([young, working].sort());
    await expect(access(spool.resultPath('1.1/9.9.dcm'))).rejects.toThrow('ENOENT');
    expect(lines).toEqual([
      {
        message: 'Retention erased a series',
        fields: { studyUid: STUDY, seriesUid: '1.1', instances: 2, results: 0 },
      },
      { message: 'Retention ended', fields: { series: 1, instances: 2, results: 0, forgotten: 0 } },
    ]);
    lines = [];
    await runReconcile();
    expect(lines).toEqual([]);
  });

  test('a series that cannot be erased is reported and does not keep the others', async () => {
    await store('1.1', 1);
    await store('1.2', 1);
    await end('1.1', 9);
    await end('1.2', 8);
    const erased: string[] = [];
    await retention({
      expired: () => expiredSeries(database.pool, 7),
      async erase({ seriesUid }) {
        if (seriesUid === '1.1') throw new Error('EBUSY');
        erased.push(seriesUid);
        return { instances: 1, results: 0 };
      },
      forget: async () => 0,
      log,
    });
    expect(erased).toEqual(['1.2']);
    expect(lines[0]).toMatchObject({ fields: { seriesUid: '1.1' } });
  });
});
