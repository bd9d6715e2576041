import { migrate } from '../../../src/records/migrate';
import { checkRecords, claimRecords } from '../../../src/records/installation';
import { startTestDatabase, type TestDatabase } from '../../fixtures/database';

let database: TestDatabase;
beforeAll(async () => {
  database = await startTestDatabase();
});
afterAll(() => database.stop());

test('before the first start every data folder will do; then only the one that claimed the records', async () => {
  const { pool } = database;
  await checkRecords(pool, null);
  await migrate(pool);
  await checkRecords(pool, 'a');
  await Promise.all([claimRecords(pool, 'a'), claimRecords(pool, 'a')]);
  await claimRecords(pool, 'a');
  await checkRecords(pool, 'a');
  const foreign = { code: 'RAUNET_DATA_FOLDER_FOREIGN', message: expect.stringContaining('the database a') };
  await expect(claimRecords(pool, 'b')).rejects.toMatchObject(foreign);
  await expect(checkRecords(pool, 'b')).rejects.toMatchObject(foreign);
  await expect(checkRecords(pool, null)).rejects.toMatchObject(foreign);
});
