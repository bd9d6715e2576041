import { createHash, randomBytes } from 'node:crypto';
import { open, readFile, stat } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import fc from 'fast-check';
import { ACCEPTED_SOP_CLASSES } from '../../src/association/presentation-contexts';
import type { Receipt } from '../../src/association/types';
import { RaunetError } from '../../src/lib/errors';
import { dataSet } from '../fixtures/data-set';
import { descriptors, type Receiver, startReceiver } from '../fixtures/receiver';
import {
  CT,
  cStore,
  cStoreRq,
  EXPLICIT,
  pData,
  pdv,
  ScriptedPeer,
  VERIFICATION,
} from '../fixtures/scripted-peer';

let receiver: Receiver;
afterEach(async () => {
  jest.restoreAllMocks();
  await receiver.stop();
});

const UID = '1.2.826.0.1.9.1';
const FILE = `1.2.826.0.1.1/1.2.826.0.1.1.1/${UID}.dcm`;

/** Sends one instance on an association of its own and returns the answer. */
async function send(sopInstanceUid: string, bytes: Buffer, options: Parameters<typeof cStore>[2] = {}) {
  const peer = await ScriptedPeer.associated(receiver.port);
  peer.send(cStore(sopInstanceUid, bytes, options));
  const response = await peer.response();
  await peer.release();
  return response;
}

const nothingStays = async () => {
  expect(await receiver.parts()).toEqual([]);
  expect(await descriptors(receiver.dataDir)).toEqual([]);
};

describe('every transfer syntax of every accepted storage class: the data set is stored byte for byte', () => {
  const cases = ACCEPTED_SOP_CLASSES.filter(({ service }) => service === 'C-STORE').flatMap(
    ({ name, uid, transferSyntaxes }) => transferSyntaxes.map((syntax) => [name, syntax, uid] as const),
  );
  test.each(cases)('%s, %s', async (_, transferSyntaxUid, sopClassUid) => {
    receiver = await startReceiver();
    const contexts = [{ id: 3, abstractSyntax: sopClassUid, transferSyntaxes: [transferSyntaxUid] }];
    const bytes = dataSet({
      sopInstanceUid: UID,
      sopClassUid,
      transferSyntaxUid,
      pixels: randomBytes(40_000),
    });
    const peer = await ScriptedPeer.associated(receiver.port, { contexts });
    peer.send(cStore(UID, bytes, { contextId: 3, sopClassUid, size: 7000 }));
    expect(await peer.response()).toMatchObject({ contextId: 3, status: 0 });
    await peer.release();
    expect((await receiver.dataSetOf(FILE)).equals(bytes)).toBe(true);
    expect(receiver.receipts).toMatchObject([{ transferSyntaxUid, sopClassUid, modality: 'CT' }]);
  });
});

test('the file: private, with preamble and group 2 of its own; the receipt says what it is', async () => {
  receiver = await startReceiver();
  expect(await send(UID, dataSet({ sopInstanceUid: UID }))).toMatchObject({ field: 0x8001, status: 0 });
  const path = receiver.spool.path(FILE);
  const bytes = await readFile(path);
  expect(bytes.subarray(0, 132)).toEqual(Buffer.concat([Buffer.alloc(128), Buffer.from('DICM')]));
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  for (let folder = dirname(path); folder !== receiver.dataDir; folder = dirname(folder))
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
  expect(receiver.receipts).toEqual([
    {
      sopInstanceUid: UID,
      sopClassUid: CT,
      transferSyntaxUid: EXPLICIT,
      studyUid: '1.2.826.0.1.1',
      seriesUid: '1.2.826.0.1.1.1',
      file: FILE,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      sizeBytes: bytes.length,
      conflicting: false,
      duplicate: false,
      receivedAt: expect.any(Date),
      modality: 'CT',
      callingAe: 'PEER',
      calledAe: 'RAUNET',
      callingAddress: '127.0.0.1',
    } satisfies Receipt,
  ]);
});

test('however TCP cuts the bytes, and however the sender cuts its PDVs, the same data set arrives', async () => {
  receiver = await startReceiver();
  const peer = await ScriptedPeer.associated(receiver.port);
  let n = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 40_000 }),
      fc.array(fc.integer({ min: 0, max: 9000 }), { minLength: 1, maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 20_000 }), { maxLength: 12 }),
      async (pixels, fragments, chunks) => {
        const sopInstanceUid = `${UID}.${++n}`;
        const bytes = dataSet({ sopInstanceUid, pixels: randomBytes(pixels) });
        const command = cStoreRq(sopInstanceUid, n);
        // the command in two fragments, the data set in fragments of the given sizes (0 too), two PDVs in a PDU
        const pdvs = [
          pdv(1, command.subarray(0, 30), { command: true }),
          pdv(1, command.subarray(30), { command: true, last: true }),
        ];
        let at = 0;
        for (const size of fragments) {
          pdvs.push(pdv(1, bytes.subarray(at, at + size), {}));
          at = Math.min(at + size, bytes.length);
        }
        for (; bytes.length - at > 50_000; at += 50_000)
          pdvs.push(pdv(1, bytes.subarray(at, at + 50_000), {}));
        pdvs.push(pdv(1, bytes.subarray(at), { last: true }));
        const pdus: Buffer[] = [];
        for (let i = 0; i < pdvs.length; i += 2) pdus.push(pData(...pdvs.slice(i, i + 2)));
        const stream = Buffer.concat(pdus);
        let from = 0;
        for (const size of chunks) {
          await new Promise((done) => peer.socket.write(stream.subarray(from, from + size), done));
          from = Math.min(from + size, stream.length);
        }
        peer.send(stream.subarray(from));
        expect(await peer.response()).toMatchObject({ status: 0, messageId: n });
        const file = `1.2.826.0.1.1/1.2.826.0.1.1.1/${sopInstanceUid}.dcm`;
        expect((await receiver.dataSetOf(file)).equals(bytes)).toBe(true);
      },
    ),
    { numRuns: 60 },
  );
  await peer.release();
  await nothingStays();
});

describe('0xA900: the data set is not what the command names', () => {
  test.each([
    ['another SOP Instance', { sopInstanceUid: `${UID}.2` }],
    ['another SOP Class', { sopInstanceUid: UID, sopClassUid: '1.2.840.10008.5.1.4.1.1.4' }],
  ])('%s', async (_, inside) => {
    receiver = await startReceiver();
    const answer = await send(UID, dataSet(inside));
    expect(answer).toMatchObject({ status: 0xa900, comment: 'RAUNET_DATA_SET_MISMATCH' });
    expect(await receiver.stored()).toEqual([]);
    expect(receiver.failures).toEqual(['RAUNET_DATA_SET_MISMATCH']);
    await nothingStays();
  });
});

describe('0xC000: the data set cannot be stored', () => {
  test.each<[string, string, Buffer, object?]>([
    ['garbage', UID, randomBytes(5000)],
    ['zeros', UID, Buffer.alloc(5000)],
    ['an empty data set', UID, Buffer.alloc(0)],
    ['a data set that is cut off before its series', UID, dataSet({ sopInstanceUid: UID }).subarray(0, 200)],
    ['no SOP Instance UID', UID, dataSet({ sopInstanceUid: UID, without: ['sopInstanceUid'] })],
    ['no Study Instance UID', UID, dataSet({ sopInstanceUid: UID, without: ['studyUid'] })],
    ['no Series Instance UID', UID, dataSet({ sopInstanceUid: UID, without: ['seriesUid'] })],
    ['a study UID that is a path', UID, dataSet({ sopInstanceUid: UID, studyUid: '..' })],
    ['a series UID that is a path', UID, dataSet({ sopInstanceUid: UID, seriesUid: '../../etc' })],
    ['a SOP Instance UID that is a path', '../../x', dataSet({ sopInstanceUid: '../../x' })],
    ['a SOP Instance UID of 65 characters', '1'.repeat(65), dataSet({ sopInstanceUid: '1'.repeat(65) })],
    [
      'a SOP Class that is not the one of the context',
      UID,
      dataSet({ sopInstanceUid: UID }),
      { sopClassUid: VERIFICATION },
    ],
    [
      'no series within the first 2 MiB',
      UID,
      dataSet({ sopInstanceUid: UID, privateBytes: 3 * 1024 * 1024 }),
    ],
  ])('%s', async (_, sopInstanceUid, bytes, options = {}) => {
    receiver = await startReceiver();
    const answer = await send(sopInstanceUid, bytes, options);
    expect(answer).toMatchObject({ status: 0xc000, comment: 'RAUNET_DATA_SET_UNREADABLE' });
    expect(await receiver.stored()).toEqual([]);
    expect(receiver.receipts).toEqual([]);
    await nothingStays();
  });

  test('a deflated stream that is no such thing', async () => {
    receiver = await startReceiver();
    const contexts = [{ id: 1, abstractSyntax: CT, transferSyntaxes: ['1.2.840.10008.1.2.1.99'] }];
    const peer = await ScriptedPeer.associated(receiver.port, { contexts });
    peer.send(cStore(UID, dataSet({ sopInstanceUid: UID })));
    expect(await peer.response()).toMatchObject({ status: 0xc000 });
    await peer.release();
  });
});

test.each([5_000, 100_000, 1_500_000])(
  'a header that reaches its series after %d bytes is read',
  async (privateBytes) => {
    receiver = await startReceiver();
    expect(await send(UID, dataSet({ sopInstanceUid: UID, privateBytes }))).toMatchObject({ status: 0 });
  },
);

describe('0xA700: it cannot be kept now', () => {
  test('the database refuses: no Success; the same instance again is recorded then', async () => {
    let down = true;
    const recorded: Receipt[] = [];
    receiver = await startReceiver({
      store: async (receipt) => {
        if (down) throw new RaunetError('RAUNET_DATABASE', { detail: 'gone' });
        recorded.push(receipt);
      },
    });
    const bytes = dataSet({ sopInstanceUid: UID });
    expect(await send(UID, bytes)).toMatchObject({ status: 0xa700, comment: 'RAUNET_DATABASE' });
    expect(receiver.ends.at(-1)).toMatchObject({ seriesUids: [] });
    down = false;
    expect(await send(UID, bytes)).toMatchObject({ status: 0 });
    expect(recorded).toMatchObject([
      { sopInstanceUid: UID, duplicate: true, conflicting: false, file: FILE },
    ]);
    await nothingStays();
  });

  test('any other failure of `store` too', async () => {
    receiver = await startReceiver({ store: () => Promise.reject(new TypeError('x is undefined')) });
    expect(await send(UID, dataSet({ sopInstanceUid: UID }))).toMatchObject({ status: 0xa700 });
  });

  test.each(['writev', 'sync'] as const)(
    'the disk fails at %s: nothing is acknowledged, the association goes on',
    async (method) => {
      receiver = await startReceiver();
      const handle = await open('/dev/null');
      const prototype = Object.getPrototypeOf(handle);
      await handle.close();
      const disk = jest
        .spyOn(prototype, method)
        .mockRejectedValue(Object.assign(new Error('no space left on device'), { code: 'ENOSPC' }));
      const peer = await ScriptedPeer.associated(receiver.port);
      const bytes = dataSet({ sopInstanceUid: UID, pixels: randomBytes(900_000) });
      peer.send(cStore(UID, bytes));
      expect(await peer.response()).toMatchObject({ status: 0xa700, comment: 'RAUNET_SPOOL_WRITE' });
      expect([await receiver.stored(), receiver.receipts]).toEqual([[], []]);
      await nothingStays();
      disk.mockRestore();
      peer.send(cStore(UID, bytes, { messageId: 2 }));
      expect(await peer.response()).toMatchObject({ status: 0, messageId: 2 });
      await peer.release();
    },
  );
});

test('0xC000: what will not pass is told with its code, and the sender does not try again', async () => {
  const conflict = new RaunetError('RAUNET_UID_CONFLICT', { seriesUid: '1.2.826.0.1.1.1' });
  receiver = await startReceiver({ store: () => Promise.reject(conflict) });
  const answer = await send(UID, dataSet({ sopInstanceUid: UID }));
  expect(answer).toMatchObject({ status: 0xc000, comment: 'RAUNET_UID_CONFLICT' });
});

describe('a SOP Instance UID that is known', () => {
  test('the same bytes: acknowledged, nothing is written twice', async () => {
    receiver = await startReceiver();
    const bytes = dataSet({ sopInstanceUid: UID });
    for (let n = 0; n < 3; n++) expect(await send(UID, bytes)).toMatchObject({ status: 0 });
    expect(await receiver.stored()).toEqual([FILE]);
    expect(receiver.receipts.map(({ duplicate }) => duplicate)).toEqual([false, true, true]);
    await nothingStays();
  });

  test('other bytes: kept beside it and flagged, the first stays as it is', async () => {
    receiver = await startReceiver();
    const first = dataSet({ sopInstanceUid: UID, pixels: Buffer.alloc(3000, 1) });
    const second = dataSet({ sopInstanceUid: UID, pixels: Buffer.alloc(3000, 2) });
    for (const bytes of [first, second, second, first])
      expect(await send(UID, bytes)).toMatchObject({ status: 0 });
    const beside = receiver.receipts[1]!.file;
    expect(beside).toMatch(new RegExp(`/${UID}\\.${receiver.receipts[1]!.sha256.slice(0, 8)}\\.dcm$`));
    expect(await receiver.stored()).toEqual([beside, FILE].sort());
    expect((await receiver.dataSetOf(FILE)).equals(first)).toBe(true);
    expect((await receiver.dataSetOf(beside)).equals(second)).toBe(true);
    expect(receiver.receipts.map(({ conflicting, duplicate }) => [conflicting, duplicate])).toEqual([
      [false, false],
      [true, false],
      [true, true],
      [false, true],
    ]);
  });

  test('twenty senders of the same UID at once, two versions: each of both is kept once', async () => {
    receiver = await startReceiver();
    const versions = [1, 2].map((value) =>
      dataSet({ sopInstanceUid: UID, pixels: Buffer.alloc(30_000, value) }),
    );
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => send(UID, versions[n % 2]!)));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(0));
    const files = await receiver.stored();
    expect(files).toHaveLength(2);
    const kept = await Promise.all(files.map((file) => receiver.dataSetOf(file)));
    for (const version of versions) expect(kept.some((bytes) => bytes.equals(version))).toBe(true);
    await nothingStays();
  });
});

test('Success comes after fsync of the file, its name, fsync of its folder and the record, in this order', async () => {
  const steps: string[] = [];
  receiver = await startReceiver({
    store: async () => {
      steps.push('record');
    },
  });
  await send(`${UID}.0`, dataSet({ sopInstanceUid: `${UID}.0` })); // the folders exist, and are durable
  steps.length = 0;
  const fs: typeof import('node:fs/promises') = require('node:fs/promises');
  const realOpen = fs.open;
  jest.spyOn(fs, 'open').mockImplementation(async (path, ...rest) => {
    const handle = await realOpen(path, ...rest);
    const what = String(path).endsWith('.part') ? 'file' : 'folder';
    const { sync, writev } = handle;
    handle.writev = (async (buffers: Buffer[]) => {
      const done = await writev.call(handle, buffers);
      steps.push('write');
      return done;
    }) as typeof writev;
    handle.sync = async () => {
      await sync.call(handle);
      steps.push(`fsync ${what}`);
    };
    return handle;
  });
  const realLink = fs.link;
  jest.spyOn(fs, 'link').mockImplementation(async (from, to) => {
    await realLink(from, to);
    steps.push('name');
  });
  const peer = await ScriptedPeer.associated(receiver.port);
  peer.send(cStore(UID, dataSet({ sopInstanceUid: UID })));
  await peer.response();
  steps.push('Success');
  await peer.release();
  expect(steps).toEqual(['write', 'fsync file', 'name', 'fsync folder', 'record', 'Success']);
});

test('the first instance of a study: the name of each new folder is durable in its parent before Success', async () => {
  const synced: string[] = [];
  receiver = await startReceiver({
    store: async () => {
      synced.push('record');
    },
  });
  const fs: typeof import('node:fs/promises') = require('node:fs/promises');
  const realOpen = fs.open;
  jest.spyOn(fs, 'open').mockImplementation(async (path, ...rest) => {
    const handle = await realOpen(path, ...rest);
    const { sync } = handle;
    handle.sync = async () => {
      await sync.call(handle);
      synced.push(relative(receiver.dataDir, String(path)));
    };
    return handle;
  });
  expect(await send(UID, dataSet({ sopInstanceUid: UID }))).toMatchObject({ status: 0 });
  const before = synced.slice(0, synced.indexOf('record'));
  const folders = ['spool', 'spool/1.2.826.0.1.1', 'spool/1.2.826.0.1.1/1.2.826.0.1.1.1'];
  expect(before.filter((path) => folders.includes(path)).sort()).toEqual(folders);
});

test('a transfer that takes longer than the idle time, but is never silent, is stored: no sweep takes its part, here or on another machine', async () => {
  receiver = await startReceiver({ config: { idleSeconds: 0.6 } });
  const peer = await ScriptedPeer.associated(receiver.port);
  const bytes = dataSet({ sopInstanceUid: UID, pixels: randomBytes(40_000) });
  const whole = cStore(UID, bytes);
  for (let at = 0; at < whole.length; at += 4000) {
    peer.send(whole.subarray(at, at + 4000));
    await new Promise((done) => setTimeout(done, 250));
    await receiver.spool.sweep(0.6);
  }
  expect((await peer.response()).status).toBe(0);
  expect(await receiver.stored()).toHaveLength(1);
  peer.destroy();
});
