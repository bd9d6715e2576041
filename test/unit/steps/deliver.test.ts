import { configSchema } from '../../../src/config/schema';
import { transaction } from '../../../src/jobs/pool';
import { openQueues, type Queues } from '../../../src/jobs/queue';
import { RaunetError } from '../../../src/lib/errors';
import { silentLog } from '../../../src/lib/log';
import { migrate } from '../../../src/records/migrate';
import { seriesDetail } from '../../../src/records/read';
import { closeSeries, recordInstance } from '../../../src/records/receive';
import { openSpool } from '../../../src/spool/spool';
import { deliver } from '../../../src/steps/deliver';
import { startTestDatabase, type TestDatabase } from '../../fixtures/database';
import { received } from '../../fixtures/received';
import { storeResult } from '../../fixtures/stored-result';

const SERIES = '1.2.3.4';
const pacs = configSchema.parse({
  delivery: { destinations: [{ name: 'pacs', aeTitle: 'PACS', host: '127.0.0.1', port: 9 }] },
}).delivery.destinations[0]!;
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

test('results that are not there because their folder is not mounted are not gone: the delivery waits and says why', async () => {
  const { pool, dataDir } = database;
  await transaction(pool, async (tx) => {
    await recordInstance(tx, received(SERIES, 1), 'routine');
    await closeSeries(tx, SERIES, 1, 'It is quiet.');
    await storeResult(tx, SERIES, ['pacs']);
  });
  const never = () => Promise.reject(new Error('nothing ends'));
  const { signal } = new AbortController();
  const data = { seriesUid: SERIES, revision: 1, destination: 'pacs' };
  const attempt = deliver({ id: 'job', data, attempt: 1, signal, complete: never }, pacs, {
    config: configSchema.parse({}),
    pool,
    queues,
    spool: await openSpool({ dataDir, log: silentLog }),
    checkFolders: () => Promise.reject(new RaunetError('RAUNET_FOLDER_FOREIGN')),
    log: silentLog,
    audit: () => {},
    failed: () => {},
    stageSeconds: () => {},
    sent: () => {},
    commitment: () => {},
  });
  await expect(attempt).rejects.toMatchObject({ code: 'RAUNET_FOLDER_FOREIGN', class: 'transient' });
  expect((await seriesDetail(pool, SERIES))!.deliveries).toMatchObject([
    { state: 'waiting', code: 'RAUNET_FOLDER_FOREIGN' },
  ]);
});
