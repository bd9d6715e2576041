import { randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import { TRANSFER_SYNTAX } from '../../src/dicom/uids';
import { action, COMMITMENT, IMPLICIT } from '../fixtures/commitment-peer';
import { dataSet } from '../fixtures/data-set';
import { heldMegabytes } from '../fixtures/held';
import { descriptors, type Receiver, startReceiver } from '../fixtures/receiver';
import {
  ABORT,
  associateRq,
  CT,
  cStore,
  cStoreRq,
  pData,
  pdu,
  pdv,
  ScriptedPeer,
} from '../fixtures/scripted-peer';
import { until } from '../fixtures/until';

/** Each title is a row of "Known faults of stock dcmjs-dimse 0.3.3": what a peer does, and what we do instead. */

let receiver: Receiver;
afterEach(async () => {
  await receiver.stop();
  jest.restoreAllMocks();
});

const instance = (n: number, bytes = 2048) => {
  const sopInstanceUid = `1.2.826.0.1.9.${n}`;
  return { sopInstanceUid, bytes: dataSet({ sopInstanceUid, pixels: randomBytes(bytes) }) };
};

const fileOf = (sopInstanceUid: string) => `1.2.826.0.1.1/1.2.826.0.1.1.1/${sopInstanceUid}.dcm`;

test('several C-STOREs pipelined in one burst: each is stored and answered, in order', async () => {
  receiver = await startReceiver();
  const peer = await ScriptedPeer.associated(receiver.port);
  const instances = Array.from({ length: 20 }, (_, n) => instance(n + 1, 50_000));
  peer.send(
    ...instances.map(({ sopInstanceUid, bytes }, n) => cStore(sopInstanceUid, bytes, { messageId: n + 1 })),
  );
  for (const [n, { sopInstanceUid, bytes }] of instances.entries()) {
    expect(await peer.response()).toMatchObject({ messageId: n + 1, status: 0, sopInstanceUid });
    expect((await receiver.dataSetOf(fileOf(sopInstanceUid))).equals(bytes)).toBe(true);
  }
  await peer.release();
});

test('a PDU with several PDVs, then a large burst: no block is lost or overtakes another', async () => {
  receiver = await startReceiver();
  const peer = await ScriptedPeer.associated(receiver.port);
  const { sopInstanceUid, bytes } = instance(1, 24 * 1024 * 1024);
  const small = [0, 700, 1400].map((at) => pdv(1, bytes.subarray(at, at + 700), {}));
  const rest = [];
  for (let at = 2100; at < bytes.length; at += 120_000)
    rest.push(pData(pdv(1, bytes.subarray(at, at + 120_000), { last: at + 120_000 >= bytes.length })));
  peer.send(pData(pdv(1, cStoreRq(sopInstanceUid), { command: true, last: true }), ...small), ...rest);
  expect((await peer.response()).status).toBe(0);
  expect((await receiver.dataSetOf(fileOf(sopInstanceUid))).equals(bytes)).toBe(true);
  await peer.release();
});

describe('abort, reset or stall in mid-transfer: no descriptor and no part file stays', () => {
  const breaks: Record<string, (peer: ScriptedPeer) => void> = {
    abort: (peer) => peer.send(ABORT),
    reset: (peer) => peer.reset(),
    'close without a word': (peer) => peer.socket.end(),
    stall: () => {},
  };
  test.each(Object.keys(breaks))('%s', async (how) => {
    receiver = await startReceiver({ config: { idleSeconds: 0.3 } });
    const peer = await ScriptedPeer.associated(receiver.port);
    const { sopInstanceUid, bytes } = instance(1, 600_000);
    const whole = cStore(sopInstanceUid, bytes);
    peer.send(whole.subarray(0, 500_000));
    await until('the part file', async () => (await receiver.parts()).length === 1);
    breaks[how]?.(peer);
    await until('the end of the connection', () => receiver.listener.stats().connections === 0);
    expect(await receiver.parts()).toEqual([]);
    expect(await receiver.stored()).toEqual([]);
    expect(await descriptors(receiver.dataDir)).toEqual([]);
    expect(receiver.receipts).toEqual([]);
    expect(receiver.ends).toMatchObject([{ clean: false, seriesUids: [] }]);
    peer.destroy();
  });
});

describe('PDU length of 2 to 4 GB: refused by its header, nothing is buffered', () => {
  const flood = async (peer: ScriptedPeer) => {
    const before = await heldMegabytes();
    const block = Buffer.alloc(1024 * 1024);
    for (let n = 0; n < 64 && !peer.socket.destroyed; n++)
      await new Promise((done) => peer.socket.write(block, done));
    return (await heldMegabytes()) - before;
  };

  test.each([0x7fffffff, 0x80000000, 0xffffffff])('before an association: %d bytes', async (length) => {
    receiver = await startReceiver({ config: { artimSeconds: 0.5 } });
    const peer = await ScriptedPeer.connect(receiver.port);
    peer.send(pdu(1, Buffer.alloc(0), length));
    expect(await peer.next()).toMatchObject({ type: 7 });
    const grown = await flood(peer);
    expect(grown).toBeLessThan(16);
    await until('the socket is destroyed', () => receiver.listener.stats().connections === 0);
    peer.destroy();
  });

  test('in an association, and anything above the agreed length', async () => {
    receiver = await startReceiver({ config: { maxPduLength: 16384 } });
    for (const length of [0xffffffff, 0x80000000, 16385]) {
      const peer = await ScriptedPeer.associated(receiver.port);
      peer.send(pdu(4, Buffer.alloc(0), length));
      // PS3.8 Table 9-26: service provider, invalid PDU parameter value
      expect(await peer.next()).toEqual({ type: 7, body: Buffer.from([0, 0, 2, 6]) });
      peer.destroy();
    }
    expect(receiver.failures).toEqual(Array(3).fill('RAUNET_DICOM_PROTOCOL'));
  });
});

test('a peer that never closes its side after release: ARTIM destroys the socket', async () => {
  receiver = await startReceiver({ config: { artimSeconds: 0.3 } });
  const peer = await ScriptedPeer.associated(receiver.port);
  peer.send(pdu(5, Buffer.alloc(4)));
  expect(await peer.next()).toMatchObject({ type: 6 });
  expect(receiver.listener.stats()).toEqual({ connections: 1, associations: 0 });
  await until('the socket is destroyed', () => receiver.listener.stats().connections === 0, 3);
  peer.destroy();
});

test('a hook that throws: the service lives, the association is answered, the fault is logged', async () => {
  const fault = () => {
    throw new Error('a defect of the application');
  };
  receiver = await startReceiver({
    associationEnded: fault,
    metrics: { instance: fault, failed: fault, rejected: fault },
  });
  const peer = await ScriptedPeer.associated(receiver.port);
  const { sopInstanceUid, bytes } = instance(1);
  peer.send(cStore(sopInstanceUid, bytes));
  expect((await peer.response()).status).toBe(0);
  await peer.release();
  await until(
    'both faults are logged',
    () => receiver.lines.filter(({ message }) => message === 'a hook failed').length === 2,
  );

  await receiver.stop();
  receiver = await startReceiver({ admit: fault });
  const second = await ScriptedPeer.connect(receiver.port);
  second.send(associateRq());
  // transient, service provider (presentation), temporary congestion
  expect(await second.next()).toEqual({ type: 3, body: Buffer.from([0, 2, 3, 1]) });
  second.destroy();
});

test('a hook that throws when a commitment request is refused: it is answered all the same', async () => {
  receiver = await startReceiver({
    commitment: { requested: () => Promise.resolve(), reported: () => Promise.resolve() },
    metrics: {
      instance: () => {},
      rejected: () => {},
      failed: () => {
        throw new Error('a defect of the application');
      },
    },
  });
  const contexts = [{ id: 3, abstractSyntax: COMMITMENT, transferSyntaxes: [IMPLICIT] }];
  const peer = await ScriptedPeer.associated(receiver.port, { contexts });
  const last = { last: true };
  peer.send(pData(pdv(3, action(), { ...last, command: true })), pData(pdv(3, Buffer.from('garbage'), last)));
  expect((await peer.response()).status).toBe(0x0115);
  await peer.release();
  expect(receiver.lines.filter(({ message }) => message === 'a hook failed')).toHaveLength(1);
});

test('a deflated data set: stored as it came, identified by what is inside', async () => {
  receiver = await startReceiver();
  const syntax = TRANSFER_SYNTAX.deflatedExplicitLittleEndian;
  const contexts = [{ id: 1, abstractSyntax: CT, transferSyntaxes: [syntax] }];
  const peer = await ScriptedPeer.associated(receiver.port, { contexts });
  const { sopInstanceUid, bytes } = instance(1, 300_000);
  const deflated = deflateRawSync(bytes);
  peer.send(cStore(sopInstanceUid, deflated));
  expect((await peer.response()).status).toBe(0);
  expect((await receiver.dataSetOf(fileOf(sopInstanceUid))).equals(deflated)).toBe(true);
  expect(receiver.receipts).toMatchObject([{ transferSyntaxUid: syntax, modality: 'CT' }]);
  await peer.release();
});

test('private tags and DS values: stored as they came, and no value of the data set is printed or logged', async () => {
  const written: string[] = [];
  for (const stream of [process.stdout, process.stderr])
    jest.spyOn(stream, 'write').mockImplementation((text) => {
      written.push(String(text));
      return true;
    });
  receiver = await startReceiver();
  const peer = await ScriptedPeer.associated(receiver.port);
  const { sopInstanceUid, bytes } = instance(1);
  peer.send(cStore(sopInstanceUid, bytes), cStore('1.2.826.0.1.9.2', bytes, { messageId: 2 }));
  expect((await peer.response()).status).toBe(0);
  expect((await peer.response()).status).toBe(0xa900);
  await peer.release();
  expect((await receiver.dataSetOf(fileOf(sopInstanceUid))).equals(bytes)).toBe(true);
  const said =
    written.join('') +
    JSON.stringify(receiver.lines) +
    receiver.lines.map(({ error }) => String(error)).join();
  for (const value of ['Synthetic', '001.2500E', 'RAUNET TEST']) expect(said).not.toContain(value);
});
