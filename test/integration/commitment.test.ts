import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { connect as connectTls } from 'node:tls';
import { join } from 'node:path';
import { migrate } from '../../src/records/migrate';
import { type Committing, startCommitting } from '../fixtures/committing';
import { startTestDatabase, type TestDatabase } from '../fixtures/database';
import { type Orthanc, startOrthanc } from '../fixtures/orthanc';
import { authority } from '../fixtures/certificates';
import { dataSet } from '../fixtures/data-set';
import { freePort } from '../fixtures/ports';
import { CT, cStore, ScriptedPeer } from '../fixtures/scripted-peer';
import { until } from '../fixtures/until';

// Storage commitment with a real Orthanc, both ways (PS3.4 Annex J). Orthanc reports on an association of its own.

const folder = mkdtempSync(join(tmpdir(), 'raunet-commitment-'));
const { ca, issue } = authority(folder, 'ours-ca');
const [ours, theirs, ct1] = ['raunet.example', 'orthanc.example', 'ct1.example'].map((name) => ({
  ...issue(name),
  ca,
})) as [Tls, Tls, Tls];
type Tls = NonNullable<Parameters<typeof startCommitting>[0]['tls']>;

const ways = [
  { way: 'plain', root: '1.2.3.5', dial: (port: number): Socket => connect(port, '127.0.0.1') },
  {
    way: 'mutual TLS',
    root: '1.2.3.6',
    listener: ours,
    orthancTls: theirs,
    dial: (port: number): Socket =>
      connectTls({
        port,
        host: '127.0.0.1',
        servername: 'raunet.example',
        ca: readFileSync(ca),
        cert: readFileSync(ct1.certificate),
        key: readFileSync(ct1.key),
      }),
  },
];

let database: TestDatabase;
beforeAll(async () => {
  database = await startTestDatabase();
  await migrate(database.pool);
});
afterAll(async () => {
  await database.stop();
  rmSync(folder, { recursive: true });
});

describe.each(ways)('over $way', ({ root, listener: tls, orthancTls, dial }) => {
  let orthanc: Orthanc;
  let service: Committing;

  beforeAll(async () => {
    const port = await freePort();
    orthanc = await startOrthanc({
      raunetPort: port,
      routing: false,
      ...(orthancTls ? { tls: orthancTls } : {}),
    });
    service = await startCommitting({
      database,
      port,
      ...(tls ? { tls } : {}),
      destination: {
        aeTitle: 'ORTHANC',
        port: orthanc.dicomPort,
        commitment: { waitSeconds: 0.5 },
        ...(tls ? { tls: { ...tls, serverName: 'orthanc.example' } } : {}),
      },
    });
  });
  afterAll(async () => {
    await service.stop();
    await orthanc.stop();
  });

  test('Orthanc commits to the results that it stored: delivered', async () => {
    const series = await service.deliverable([`${root}.1`, `${root}.2`]);
    const state = await until('the delivery is delivered', async () => {
      const now = await service.state(series);
      return now.series === 'delivery' ? null : now;
    });
    expect(state).toMatchObject({ series: 'done', delivery: 'delivered', code: null, attempts: 1 });
    expect(await orthanc.get('/instances')).toHaveLength(2);
  });

  test('Orthanc asks us: it is told which instances we hold and which not', async () => {
    const [held, unknown] = [`${root}.3`, `${root}.4`];
    const peer = ScriptedPeer.over(dial(service.port));
    await peer.associate({ callingAe: 'CT1' });
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
});
