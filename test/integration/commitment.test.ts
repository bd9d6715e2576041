import { migrate } from '../../src/records/migrate';
import { type Committing, startCommitting } from '../fixtures/committing';
import { startTestDatabase, type TestDatabase } from '../fixtures/database';
import { type Orthanc, startOrthanc } from '../fixtures/orthanc';
import { dataSet } from '../fixtures/data-set';
import { freePort } from '../fixtures/ports';
import { CT, cStore, ScriptedPeer } from '../fixtures/scripted-peer';
import { until } from '../fixtures/until';

// Storage commitment with a real Orthanc, both ways (PS3.4 Annex J). Orthanc reports on an association of its own.

let database: TestDatabase;
let orthanc: Orthanc;
let service: Committing;

beforeAll(async () => {
  const port = await freePort();
  orthanc = await startOrthanc({ raunetPort: port, routing: false });
  database = await startTestDatabase();
  await migrate(database.pool);
  service = await startCommitting({
    database,
    port,
    destination: {
      aeTitle: 'ORTHANC',
      port: orthanc.dicomPort,
      commitment: { waitSeconds: 0.5 },
    },
  });
});

afterAll(async () => {
  await service.stop();
  await database.stop();
  await orthanc.stop();
});

test('Orthanc commits to the results that it stored: delivered', async () => {
  const series = await service.deliverable(['1.2.3.500.1', '1.2.3.500.2']);
  const state = await until('the delivery is delivered', async () => {
    const now = await service.state(series);
    return now.series === 'delivery' ? null : now;
  });
  expect(state).toMatchObject({ series: 'done', delivery: 'delivered', code: null, attempts: 1 });
  expect(await orthanc.get('/instances')).toHaveLength(2);
});

test('Orthanc asks us: it is told which instances we hold and which not', async () => {
  const [held, unknown] = ['1.2.3.501.1', '1.2.3.501.2'];
  const peer = await ScriptedPeer.associated(service.port, { callingAe: 'CT1' });
  peer.send(cStore(held, dataSet({ sopInstanceUid: held })));
  expect((await peer.response()).status).toBe(0x0000);
  await peer.release();

  interface Transaction {
    Status: string;
    Success: { SOPInstanceUID: string }[];
    Failures: { SOPInstanceUID: string; FailureReason: number }[];
  }
  const ask = async (uids: string[]): Promise<Transaction> => {
    const { ID } = await orthanc.post<{ ID: string }>('/modalities/raunet/storage-commitment', {
      DicomInstances: uids.map((uid) => [CT, uid]),
    });
    return until('Orthanc has the report', async () => {
      const transaction = await orthanc.get<Transaction>(`/storage-commitment/${ID}`);
      return transaction.Status === 'Pending' ? null : transaction;
    });
  };
  expect(await ask([held])).toMatchObject({ Status: 'Success' });
  const partial = await ask([held, unknown]);
  expect(partial.Status).toBe('Failure');
  expect(partial.Success.map(({ SOPInstanceUID }) => SOPInstanceUID)).toEqual([held]);
  expect(partial.Failures).toMatchObject([{ SOPInstanceUID: unknown, FailureReason: 0x0112 }]);
});
