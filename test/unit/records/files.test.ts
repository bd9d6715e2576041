import { Readable } from 'node:stream';
import { transaction } from '../../../src/jobs/pool';
import { eraseSeries, expiredSeries, forgetErased } from '../../../src/records/erase';
import { filesOf, seriesWithFiles } from '../../../src/records/files';
import { recordCounts } from '../../../src/records/metrics';
import { migrate } from '../../../src/records/migrate';
import { findSeries, seriesDetail, unfinishedSeries } from '../../../src/records/read';
import { recordInstance } from '../../../src/records/receive';
import { changeState } from '../../../src/records/state';
import { exportRecords, importRecords } from '../../../src/records/transfer';
import { startTestDatabase, type TestDatabase } from '../../fixtures/database';
import { received } from '../../fixtures/received';

let database: TestDatabase;

beforeEach(async () => {
  database ??= await startTestDatabase();
  await database.pool.query('DROP SCHEMA IF EXISTS raunet CASCADE');
  await migrate(database.pool);
  for (const uid of ['1.1', '1.2', '1.3'])
    for (const n of [1, 2])
      await transaction(database.pool, (tx) => recordInstance(tx, received(uid, n), 'stat'));
});

afterAll(() => database.stop());

async function endedDaysAgo(seriesUid: string, days: number): Promise<void> {
  await transaction(database.pool, (tx) =>
    changeState(tx, seriesUid, { to: 'failed', code: 'RAUNET_NO_GEOMETRY', sentence: 'No.' }),
  );
  await database.pool.query(
    'UPDATE raunet.series SET finished_at = now() - make_interval(days => $2) WHERE series_uid = $1',
    [seriesUid, days],
  );
}

test('only series that ended long enough ago expire; a series at work never does', async () => {
  await endedDaysAgo('1.1', 8);
  await endedDaysAgo('1.2', 6);
  expect(await expiredSeries(database.pool, 7)).toEqual([{ seriesUid: '1.1', studyUid: '1.2.3' }]);
  expect((await unfinishedSeries(database.pool)).map(({ seriesUid }) => seriesUid)).toEqual(['1.3']);
});

test('erasing removes files and their rows, keeps the history, and the same images are new when sent again', async () => {
  await endedDaysAgo('1.1', 8);
  let erasedFiles = 0;
  const erase = () =>
    eraseSeries(database.pool, { seriesUid: '1.1', studyUid: '1.2.3' }, 7, async () => void erasedFiles++);
  expect(await erase()).toEqual({ instances: 2, results: 0 });
  expect(await erase()).toBeNull();
  expect(erasedFiles).toBe(1);
  expect((await filesOf(database.pool, '1.1')).size).toBe(0);
  expect(await findSeries(database.pool, '1.1')).toMatchObject({
    state: 'failed',
    instances: 0,
    erasedAt: expect.any(Date),
  });
  expect((await seriesDetail(database.pool, '1.1'))!.events.at(-1)!.sentence).toContain('2 instances');

  const again = await transaction(database.pool, (tx) => recordInstance(tx, received('1.1', 1), 'stat'));
  expect(again).toEqual({ recorded: 'new', begins: false });
  expect(await findSeries(database.pool, '1.1')).toMatchObject({
    state: 'spool',
    instances: 1,
    erasedAt: null,
  });
});

test('an instance that arrives while its series is being erased waits, and is recorded after it', async () => {
  await endedDaysAgo('1.1', 8);
  const order: string[] = [];
  let arrival: Promise<unknown> = Promise.resolve();
  await eraseSeries(database.pool, { seriesUid: '1.1', studyUid: '1.2.3' }, 7, async () => {
    arrival = transaction(database.pool, (tx) => recordInstance(tx, received('1.1', 3), 'stat')).then(
      ({ recorded }) => order.push(recorded),
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    order.push('erased');
  });
  await arrival;
  expect(order).toEqual(['erased', 'new']);
  expect([...(await filesOf(database.pool, '1.1')).keys()]).toEqual([received('1.1', 3).file]);
});

test('files that cannot be erased leave the rows: the next run tries again', async () => {
  await endedDaysAgo('1.1', 8);
  const failing = eraseSeries(database.pool, { seriesUid: '1.1', studyUid: '1.2.3' }, 7, () =>
    Promise.reject(new Error('EBUSY')),
  );
  await expect(failing).rejects.toThrow('EBUSY');
  expect((await filesOf(database.pool, '1.1')).size).toBe(2);
  expect(await expiredSeries(database.pool, 7)).toHaveLength(1);
});

test('the history of an erased series goes after a year', async () => {
  await endedDaysAgo('1.1', 8);
  await eraseSeries(database.pool, { seriesUid: '1.1', studyUid: '1.2.3' }, 7, async () => {});
  expect(await forgetErased(database.pool)).toBe(0);
  await database.pool.query(
    "UPDATE raunet.series SET erased_at = now() - interval '366 days' WHERE series_uid = '1.1'",
  );
  expect(await forgetErased(database.pool)).toBe(1);
  expect(await findSeries(database.pool, '1.1')).toBeNull();
});

test('the walk over series with files leaves out what was erased', async () => {
  await endedDaysAgo('1.2', 8);
  await eraseSeries(database.pool, { seriesUid: '1.2', studyUid: '1.2.3' }, 7, async () => {});
  const seen: string[] = [];
  for await (const { seriesUid } of seriesWithFiles(database.pool)) seen.push(seriesUid);
  expect(seen).toEqual(['1.1', '1.3']);
});

test('counts for the metrics: series by state', async () => {
  await endedDaysAgo('1.1', 1);
  const { series } = await recordCounts(database.pool);
  expect(series.map(({ state, count }) => [state, count])).toEqual([
    ['failed', 1],
    ['spool', 2],
  ]);
});

test('an export read into an empty database gives the same records, and goes on counting', async () => {
  await endedDaysAgo('1.1', 1);
  const before = await seriesDetail(database.pool, '1.1');
  const texts: string[] = [];
  const rows = await exportRecords(database.pool, async (text) => void texts.push(text));
  const lines = (text = texts.join('')) => Readable.from(text.trimEnd().split('\n'));
  await expect(importRecords(database.pool, lines())).rejects.toThrow(/RAUNET_RECORDS_FILE.*already/);

  await database.pool.query('DROP SCHEMA raunet CASCADE');
  await migrate(database.pool);
  const refused = (given: Readable, why: string) =>
    expect(importRecords(database.pool, given)).rejects.toMatchObject({
      code: 'RAUNET_RECORDS_FILE',
      message: expect.stringContaining(why),
    });
  const whole = texts.join('').trimEnd().split('\n');
  await refused(Readable.from([]), 'it is empty');
  await refused(lines('{"raunet":99}'), 'it is of schema version 99');
  await refused(lines(texts.join('').slice(0, -20)), 'cut short');
  // Between two lines: nothing of a line is missing.
  for (const kept of [1, 2, whole.length - 1])
    await refused(Readable.from(whole.slice(0, kept)), 'cut short');
  await refused(Readable.from(whole.toSpliced(-2, 1)), 'cut short');
  await refused(Readable.from([...whole, whole[1]!]), 'goes on after its end');
  expect(await unfinishedSeries(database.pool)).toEqual([]);
  expect(await importRecords(database.pool, lines())).toBe(rows);
  expect(await seriesDetail(database.pool, '1.1')).toEqual(before);
  await transaction(database.pool, (tx) => recordInstance(tx, received('1.9', 1), 'stat'));
});
