import { migrate, readMigrations } from '../../../src/records/migrate';
import { startTestDatabase, type TestDatabase } from '../../fixtures/database';

let database: TestDatabase;

beforeAll(async () => {
  database = await startTestDatabase();
});

afterAll(() => database.stop());

const tables = async () =>
  (
    await database.pool.query<{ name: string }>(
      "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'raunet' ORDER BY 1",
    )
  ).rows.map(({ name }) => name);

test('services that start together on an empty database migrate it once', async () => {
  const all = await readMigrations();
  const ran = await Promise.all([1, 2, 3, 4].map(() => migrate(database.pool)));
  expect(ran.flat()).toEqual(all.map(({ name }) => name));
  const made = all.flatMap(({ sql }) =>
    [...sql.matchAll(/^CREATE TABLE raunet\.(\w+)/gm)].map(([, name]) => name),
  );
  expect(made).toContain('series');
  expect(await tables()).toEqual([...made, 'migration'].sort());
});

test('a migrated database is left as it is', async () => {
  expect(await migrate(database.pool)).toEqual([]);
});

test('a failing migration leaves nothing behind, not even those before it', async () => {
  const all = await readMigrations();
  const next = { version: 9001, name: '9001_good.sql', sql: 'CREATE TABLE raunet.good ()', sha256: 'x' };
  const bad = { version: 9002, name: '9002_bad.sql', sql: 'CREATE TABLE raunet.good ()', sha256: 'y' };
  await expect(migrate(database.pool, [...all, next, bad])).rejects.toThrow('already exists');
  expect(await tables()).not.toContain('good');
});

test('a database of a newer version is refused with RAUNET_SCHEMA', async () => {
  const all = await readMigrations();
  const newer = { version: 9001, name: '9001_newer.sql', sql: 'SELECT 1', sha256: 'z' };
  expect(await migrate(database.pool, [...all, newer])).toEqual(['9001_newer.sql']);
  await expect(migrate(database.pool, all)).rejects.toThrow(/RAUNET_SCHEMA.*migration 9001/);
  await database.pool.query('DELETE FROM raunet.migration WHERE version = 9001');
});

test('a migration whose text changed after it ran is refused with RAUNET_SCHEMA', async () => {
  const [first, ...rest] = await readMigrations();
  await expect(migrate(database.pool, [{ ...first!, sha256: 'other' }, ...rest])).rejects.toThrow(
    /RAUNET_SCHEMA.*other text/,
  );
});
