import { appendFile, chmod, rename, symlink } from 'node:fs/promises';
import { migrate } from '../../src/records/migrate';
import { eraseSeries } from '../../src/records/erase';
import { type Committing, startCommitting } from '../fixtures/committing';
import {
  action,
  COMMITMENT,
  IMPLICIT,
  type Information,
  readInformation,
  requestFor,
} from '../fixtures/commitment-peer';
import { dataSet } from '../fixtures/data-set';
import { startTestDatabase, type TestDatabase } from '../fixtures/database';
import { freePort } from '../fixtures/ports';
import { CT, CT_EXPLICIT, cStore, commandSet, pData, pdv, ScriptedPeer } from '../fixtures/scripted-peer';
import { until } from '../fixtures/until';
import {
  type ScriptedScp,
  associateAccept,
  contextsOf,
  releaseReply,
  response,
  scriptedScp,
} from './delivery/scripted-scp';

// Storage commitment as SCP, PS3.4 Annex J: a modality asks whether we hold what it sent.

const ENHANCED = '1.2.840.10008.5.1.4.1.1.2.1';
const MR = '1.2.840.10008.5.1.4.1.1.4';
const SERIES = '1.2.826.0.1.1.1';
let database: TestDatabase;
let service: Committing;
let modality: ScriptedScp | undefined;

beforeAll(async () => {
  database = await startTestDatabase();
  await migrate(database.pool);
});
afterAll(() => database.stop());

const CONTEXTS = [CT_EXPLICIT, { id: 3, abstractSyntax: COMMITMENT, transferSyntaxes: [IMPLICIT] }];
const command = (set: Buffer): Buffer => pData(pdv(3, set, { command: true, last: true }));
const information = (set: Buffer): Buffer => pData(pdv(3, set, { last: true }));
let numbers = 0;
const newUid = (): string => `1.2.3.4.${++numbers}`;

async function start(reportPort?: number): Promise<void> {
  const allow = [{ callingAe: 'CT1', addresses: ['127.0.0.1'], ...(reportPort ? { reportPort } : {}) }];
  service = await startCommitting({ database, allow, destination: { port: 9 } });
}
afterEach(async () => {
  await service.stop();
  await modality?.close();
  modality = undefined;
});

const associate = () => ScriptedPeer.associated(service.port, { callingAe: 'CT1', contexts: CONTEXTS });

async function store(peer: ScriptedPeer, seriesUid = SERIES): Promise<string> {
  const uid = newUid();
  peer.send(cStore(uid, dataSet({ sopInstanceUid: uid, seriesUid }), { messageId: 7 }));
  expect(await peer.response()).toMatchObject({ status: 0x0000 });
  return uid;
}

async function ask(
  peer: ScriptedPeer,
  transactionUid: string,
  instances: readonly (readonly [string, string])[],
): Promise<number> {
  peer.send(command(action()), information(requestFor(transactionUid, instances)));
  return (await peer.response()).status;
}

interface Event extends Information {
  type: number;
  messageId: number;
}

/** Reads an N-EVENT-REPORT that comes on the association on which was asked; answers it with `status`. */
async function reported(peer: ScriptedPeer, status = 0x0000): Promise<Event> {
  const [set, data] = [(await peer.next())!.body.subarray(6), (await peer.next())!.body.subarray(6)];
  const us = (element: number): number => {
    for (let at = 0; at < set.length; at += 8 + set.readUInt32LE(at + 4))
      if (set.readUInt16LE(at + 2) === element) return set.readUInt16LE(at + 8);
    return -1;
  };
  expect(us(0x0100)).toBe(0x0100);
  const messageId = us(0x0110);
  peer.send(command(commandSet({ 0x0100: 0x8100, 0x0120: messageId, 0x0800: 0x0101, 0x0900: status })));
  return { ...readInformation(data), type: us(0x1002), messageId };
}

/** The modality's own listener: takes reports, each answered with the next of `statuses`. */
async function listening(
  ...statuses: number[]
): Promise<{ port: number; events: Information[]; roles: boolean[] }> {
  const events: Information[] = [];
  const roles: boolean[] = [];
  modality = await scriptedScp(async (connection) => {
    const request = (await connection.read())!;
    // PS3.7 Table D.3-9: SCU role 0, SCP role 1.
    roles.push(request.bytes.includes(Buffer.concat([Buffer.from(COMMITMENT), Buffer.from([0, 1])])));
    connection.write(associateAccept(contextsOf(request.bytes), () => true));
    const message = await connection.readMessage();
    if (message === null) return;
    events.push(readInformation(message.dataSet!));
    connection.write(response(message.messageId, statuses.shift() ?? 0x0000, 0x8100));
    await connection.read();
    connection.write(releaseReply());
  });
  return { port: modality.port, events, roles };
}

test('on the association that asks: what is held is committed to, the rest fails with its reason', async () => {
  await start();
  const peer = await associate();
  const [held, other] = [await store(peer), await store(peer)];
  const unknown = newUid();
  const asked = [
    [CT, held],
    [ENHANCED, other],
    [CT, unknown],
    [MR, newUid()],
  ] as const;
  expect(await ask(peer, '1.2.77.1', asked)).toBe(0x0000);
  expect(await reported(peer)).toMatchObject({
    type: 2,
    transactionUid: '1.2.77.1',
    instances: { [held]: 0, [other]: 0x0119, [unknown]: 0x0112, [asked[3][1]]: 0x0122 },
  });
  expect(await ask(peer, '1.2.77.2', [[CT, held]])).toBe(0x0000);
  expect(await reported(peer)).toMatchObject({ type: 1, instances: { [held]: 0 }, messageId: 2 });
  await peer.release();
});

test('a sender that is busy with its next instances hears it between two of them', async () => {
  await start();
  const peer = await associate();
  const held = await store(peer);
  expect(await ask(peer, '1.2.77.3', [[CT, held]])).toBe(0x0000);
  // The data set begins, and its end comes after the time at which the report is due.
  const uid = newUid();
  const bytes = cStore(uid, dataSet({ sopInstanceUid: uid }), { messageId: 9 });
  peer.send(bytes.subarray(0, bytes.length - 100));
  const row = () =>
    database.pool.query("SELECT FROM raunet_jobs.job WHERE name = 'report' AND state = 'active'");
  await until('the report is due', async () => (await row()).rowCount === 1);
  peer.send(bytes.subarray(bytes.length - 100));
  expect(await peer.response()).toMatchObject({ messageId: 9, status: 0x0000 });
  expect((await reported(peer)).instances).toEqual({ [held]: 0 });
  await peer.release();
});

test('a sender that has released hears it at its own port, with us as SCP; refused for the moment, again', async () => {
  const { port, events, roles } = await listening(0x0213);
  await start(port);
  const peer = await associate();
  const held = await store(peer);
  expect(await ask(peer, '1.2.77.4', [[CT, held]])).toBe(0x0000);
  await peer.release();
  await until('it hears it twice', () => events.length === 2);
  for (const event of events) expect(event).toEqual({ transactionUid: '1.2.77.4', instances: { [held]: 0 } });
  expect(roles).toEqual([true, true]);
});

test('a sender that answers the report on its association with a failure hears it at its own port', async () => {
  const { port, events } = await listening();
  await start(port);
  const peer = await associate();
  const held = await store(peer);
  expect(await ask(peer, '1.2.77.5', [[CT, held]])).toBe(0x0000);
  await reported(peer, 0x0110);
  await until('it hears it', () => events.length === 1);
  await peer.release();
});

test('a restart between question and answer loses nothing', async () => {
  const { port, events } = await listening();
  await start(port);
  const peer = await associate();
  const held = await store(peer);
  expect(await ask(peer, '1.2.77.6', [[CT, held]])).toBe(0x0000);
  await service.restart();
  await until('it hears it', () => events.length === 1);
  expect(events[0]!.instances).toEqual({ [held]: 0 });
  peer.destroy();
});

test('a file whose bytes changed is not vouched for, nor one that retention erased', async () => {
  await start();
  const peer = await associate();
  const [altered, erased] = [await store(peer, '1.2.826.5.1'), await store(peer, '1.2.826.5.2')];
  const files = await database.pool.query<{ sop_instance_uid: string; file: string }>(
    'SELECT sop_instance_uid, file FROM raunet.instance WHERE sop_instance_uid = $1',
    [altered],
  );
  const path = service.spool.path(files.rows[0]!.file);
  await chmod(path, 0o600);
  await appendFile(path, 'x');
  await database.pool.query(
    "UPDATE raunet.series SET state = 'done', finished_at = now() - interval '2 days' WHERE series_uid = '1.2.826.5.2'",
  );
  await eraseSeries(
    database.pool,
    { seriesUid: '1.2.826.5.2', studyUid: '1.2.826.0.1.1' },
    1,
    async () => {},
  );
  expect(
    await ask(peer, '1.2.77.7', [
      [CT, altered],
      [CT, erased],
    ]),
  ).toBe(0x0000);
  expect((await reported(peer)).instances).toEqual({ [altered]: 0x0110, [erased]: 0x0112 });
  await peer.release();
});

test('a file that cannot be read now is answered for when it can', async () => {
  await start();
  const peer = await associate();
  const held = await store(peer, '1.2.826.5.3');
  const { rows } = await database.pool.query<{ file: string }>(
    'SELECT file FROM raunet.instance WHERE sop_instance_uid = $1',
    [held],
  );
  const path = service.spool.path(rows[0]!.file);
  await rename(path, `${path}.away`);
  await symlink(path, path);
  expect(await ask(peer, '1.2.77.9', [[CT, held]])).toBe(0x0000);
  await until('the first attempt is over', async () => {
    const waiting = "SELECT FROM raunet_jobs.job WHERE name = 'report' AND state = 'retry'";
    if ((await database.pool.query(waiting)).rowCount === 0) throw new Error('no attempt has failed');
    return true;
  });
  await rename(`${path}.away`, path);
  expect((await reported(peer)).instances).toEqual({ [held]: 0 });
  await peer.release();
});

test('a transaction UID for the same instances is answered again, for others refused', async () => {
  await start();
  const peer = await associate();
  const [one, two] = [await store(peer), await store(peer)];
  for (let time = 0; time < 2; time++) {
    expect(await ask(peer, '1.2.77.8', [[CT, one]])).toBe(0x0000);
    expect((await reported(peer)).instances).toEqual({ [one]: 0 });
  }
  expect(await ask(peer, '1.2.77.8', [[CT, two]])).toBe(0x0115);
  await peer.release();
});

test('a question that cannot be understood is answered with its status, and the association goes on', async () => {
  await start();
  const peer = await associate();
  const held = await store(peer);
  for (const broken of [
    requestFor('not a uid', [[CT, held]]),
    requestFor('1.2.77.9', []),
    Buffer.from('odd'),
  ]) {
    peer.send(command(action()), information(broken));
    expect((await peer.response()).status).toBe(0x0115);
  }
  peer.send(command(action(1, 2)), information(requestFor('1.2.77.9', [[CT, held]])));
  expect((await peer.response()).status).toBe(0x0123);
  await store(peer);
  await peer.release();
});

test('a question in more pieces than bytes are worth is refused, and the association goes on', async () => {
  await start();
  const peer = await associate();
  const held = await store(peer);
  const set = requestFor(
    '1.2.77.11',
    Array.from({ length: 1500 }, () => [CT, held] as const),
  );
  expect(set.length).toBeGreaterThan(65_536);
  const pieces = [...set].map((byte, at) => pdv(3, Buffer.from([byte]), { last: at === set.length - 1 }));
  const pdus = [];
  for (let at = 0; at < pieces.length; at += 10_000) pdus.push(pData(...pieces.slice(at, at + 10_000)));
  peer.send(command(action()), ...pdus);
  expect((await peer.response()).status).toBe(0x0115);
  await store(peer);
  await peer.release();
});

test('nobody to tell: given up after its attempts, and no job stays', async () => {
  await start(await freePort());
  const peer = await associate();
  expect(await ask(peer, '1.2.77.10', [[CT, newUid()]])).toBe(0x0000);
  await peer.release();
  await until('it is given up', async () => {
    const { rows } = await database.pool.query<{ ended: boolean }>(
      "SELECT ended_at IS NOT NULL AS ended FROM raunet.commitment_request WHERE transaction_uid = '1.2.77.10'",
    );
    return rows[0]!.ended;
  });
});
