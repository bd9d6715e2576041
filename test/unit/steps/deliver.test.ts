import { appendFile } from 'node:fs/promises';
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
import { type ScriptedScp, releaseReply, response, scriptedScp } from '../../contract/delivery/scripted-scp';
import { type Committing, startCommitting } from '../../fixtures/committing';
import { startTestDatabase, type TestDatabase } from '../../fixtures/database';
import { received } from '../../fixtures/received';
import { until } from '../../fixtures/until';
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

describe('a destination that answers each object in its own way', () => {
  let uids: string[];
  let tests = 0;
  let answers: number[];
  let stored: string[];
  let scp: ScriptedScp;
  let service: Committing;

  beforeEach(async () => {
    stored = [];
    tests += 1;
    uids = [`1.2.3.${tests}.100`, `1.2.3.${tests}.101`];
    scp = await scriptedScp(async (connection) => {
      await connection.acceptAssociation(() => true);
      for (;;) {
        const message = await connection.readMessage();
        if (message === null) return connection.write(releaseReply());
        stored.push(uids.find((uid) => message.command.includes(uid))!);
        connection.write(response(message.messageId, answers.shift() ?? 0x0000));
      }
    });
    service = await startCommitting({ database, destination: { port: scp.port } });
  });
  afterEach(async () => {
    await service.stop();
    await scp.close();
  });
  const reaches = (seriesUid: string, delivery: string) =>
    until(`the delivery is ${delivery}`, async () => {
      const state = await service.state(seriesUid);
      return state.delivery === delivery && state;
    });

  test('what may still arrive is tried again before the rest is given up', async () => {
    answers = [0xc000, 0xa700, 0xc000, 0x0000]; // PS3.4 Table B.2-1
    const series = await service.deliverable(uids);
    expect(await reaches(series, 'dead')).toMatchObject({ code: 'RAUNET_STORE_REFUSED', attempts: 2 });
    expect(stored).toEqual([...uids, ...uids]);
  });

  test('nothing is sent where one of the files is no longer what was made', async () => {
    answers = [];
    const { storeResult: store } = service.spool;
    service.spool.storeResult = async (result) => {
      const kept = await store(result);
      if (result.sopInstanceUid === uids[1]) await appendFile(service.spool.resultPath(kept.file), 'x');
      return kept;
    };
    const series = await service.deliverable(uids);
    expect(await reaches(series, 'dead')).toMatchObject({ code: 'RAUNET_RESULT_MISSING', attempts: 1 });
    expect(stored).toEqual([]);
  });
});
