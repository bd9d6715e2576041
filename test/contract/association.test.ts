import { writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { REJECTION } from '../../src/association/rejections';
import { dataSet } from '../fixtures/data-set';
import { type Receiver, type ReceiverOptions, startReceiver } from '../fixtures/receiver';
import {
  ABORT,
  type AssociateOptions,
  associateRq,
  CT,
  cEchoRq,
  commandSet,
  cStore,
  EXPLICIT,
  item,
  pData,
  pdu,
  pdv,
  RELEASE_RQ,
  ScriptedPeer,
  VERIFICATION,
} from '../fixtures/scripted-peer';
import { until } from '../fixtures/until';

const hasIpv6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ family }) => family === 'IPv6'),
);

let receiver: Receiver;
afterEach(() => receiver.stop());

const ECHO = { id: 1, abstractSyntax: VERIFICATION, transferSyntaxes: ['1.2.840.10008.1.2'] };
const bytes = (...values: number[]) => Buffer.from(values);
const gone = () => until('the connection is gone', () => receiver.listener.stats().connections === 0);

/** What the service answers to an A-ASSOCIATE-RQ. */
async function ask(options: AssociateOptions, config: ReceiverOptions = {}) {
  receiver = await startReceiver(config);
  const peer = await ScriptedPeer.connect(receiver.port);
  peer.send(associateRq(options));
  const answer = await peer.next();
  peer.destroy();
  return answer;
}

describe('A-ASSOCIATE-RJ, PS3.8 Table 9-21', () => {
  const rejected = (result: number, source: number, reason: number) => ({
    type: 3,
    body: bytes(0, result, source, reason),
  });

  test('another called AE title: 1/1/7', async () => {
    expect(await ask({ calledAe: 'ELSE' })).toEqual(rejected(1, 1, 7));
    expect(receiver.rejections).toEqual(['called AE title not recognized']);
  });

  test('an alias is answered, upper and lower case differ', async () => {
    const config = { aliases: ['RAUNET_STAT'] };
    expect(await ask({ calledAe: 'RAUNET_STAT' }, { config })).toMatchObject({ type: 2 });
    await receiver.stop();
    expect(await ask({ calledAe: 'raunet' })).toEqual(rejected(1, 1, 7));
  });

  test('with an allow-list, a calling AE title that is not on it, on loopback too: 1/1/3', async () => {
    const config = { allow: [{ callingAe: 'PACS', addresses: [] }] };
    expect(await ask({ callingAe: 'PEER' }, { config })).toEqual(rejected(1, 1, 3));
    await receiver.stop();
    expect(await ask({ callingAe: 'PACS' }, { config })).toMatchObject({ type: 2 });
  });

  test('the calling AE title from another address than its own: 1/1/3', async () => {
    const config = { allow: [{ callingAe: 'PEER', addresses: ['10.1.2.3', '192.168.0.0/16'] }] };
    expect(await ask({}, { config })).toEqual(rejected(1, 1, 3));
  });

  test('another application context: 1/1/2', async () => {
    expect(await ask({ applicationContext: '1.2.3' })).toEqual(rejected(1, 1, 2));
  });

  test('another protocol version: 1/2/2', async () => {
    expect(await ask({ protocolVersion: 2 })).toEqual(rejected(1, 2, 2));
  });

  test('what `admit` says, e.g. disk nearly full: 2/3/2', async () => {
    expect(await ask({}, { admit: () => REJECTION.localLimitExceeded })).toEqual(rejected(2, 3, 2));
  });

  test('one association more than maxAssociations: 2/3/2, and a place again when one has ended', async () => {
    receiver = await startReceiver({ config: { maxAssociations: 2 } });
    const first = await ScriptedPeer.associated(receiver.port);
    const second = await ScriptedPeer.associated(receiver.port);
    const third = await ScriptedPeer.connect(receiver.port);
    third.send(associateRq());
    expect(await third.next()).toEqual(rejected(2, 3, 2));
    third.destroy();
    await first.release();
    const fourth = await ScriptedPeer.associated(receiver.port);
    for (const peer of [second, fourth]) await peer.release();
    expect(receiver.rejections).toEqual(['local limit exceeded']);
  });
});

test('connections that never ask: above four for each association they are closed, and one that asks is served again', async () => {
  receiver = await startReceiver({ config: { maxAssociations: 1, artimSeconds: 0.5 } });
  const silent = await Promise.all(Array.from({ length: 4 }, () => ScriptedPeer.connect(receiver.port)));
  const fifth = await ScriptedPeer.connect(receiver.port);
  expect(await fifth.next()).toBeNull();
  expect(receiver.rejections).toEqual(['too many connections']);
  await gone();
  const peer = await ScriptedPeer.associated(receiver.port);
  await peer.release();
  for (const each of [...silent, fifth]) each.destroy();
});

describe('A-ASSOCIATE-AC', () => {
  /** Context id, result, transfer syntax of each item 0x21; maximum length; types of the user items. */
  const decode = (body: Buffer) => {
    const contexts: [number, number, string][] = [];
    let maxLength = 0;
    const userItems: number[] = [];
    for (let at = 68; at < body.length; at += 4 + body.readUInt16BE(at + 2)) {
      const value = body.subarray(at + 4, at + 4 + body.readUInt16BE(at + 2));
      if (body[at] === 0x21) contexts.push([value[0]!, value[2]!, value.subarray(8).toString('latin1')]);
      if (body[at] !== 0x50) continue;
      for (let sub = 0; sub < value.length; sub += 4 + value.readUInt16BE(sub + 2)) {
        userItems.push(value[sub]!);
        if (value[sub] === 0x51) maxLength = value.readUInt32BE(sub + 4);
      }
    }
    return { contexts, maxLength, userItems };
  };

  test('each context is answered under its own id, in whatever order they are proposed', async () => {
    const contexts = [
      { id: 7, abstractSyntax: CT, transferSyntaxes: ['1.2.840.10008.1.2.4.100', EXPLICIT, '1.2.3.4'] },
      { id: 3, abstractSyntax: '1.2.840.10008.5.1.4.1.1.4', transferSyntaxes: [EXPLICIT] },
      { id: 5, abstractSyntax: CT, transferSyntaxes: ['1.2.840.10008.1.2.4.55'] },
      {
        id: 1,
        abstractSyntax: '1.2.840.10008.5.1.4.1.1.2.1',
        transferSyntaxes: ['1.2.840.10008.1.2.4.90', EXPLICIT],
      },
    ];
    const answer = await ask({ contexts });
    const { contexts: answered } = decode(answer!.body);
    expect(answered.map(([id, result]) => [id, result])).toEqual([
      [7, 0],
      [3, 3], // abstract syntax not supported
      [5, 4], // transfer syntaxes not supported
      [1, 0],
    ]);
    // the sender's first that we know; an unknown one after it changes nothing
    expect(answered[0]![2]).toBe(EXPLICIT);
    expect(answered[3]![2]).toBe('1.2.840.10008.1.2.4.90');
  });

  test.each([0, 4096, 16384, 0xffffffff])(
    'our own PDU length is announced to a peer that takes %d',
    async (maxPduLength) => {
      const answer = await ask({ maxPduLength }, { config: { maxPduLength: 65536 } });
      expect(decode(answer!.body).maxLength).toBe(65536);
    },
  );

  test('no asynchronous operations, role or user identity is agreed on', async () => {
    const userItems = [
      item(0x53, bytes(0, 8, 0, 8)),
      item(0x54, Buffer.concat([bytes(0, CT.length), Buffer.from(CT), bytes(0, 1)])),
      item(0x58, bytes(1, 1, 0, 1, 65, 0, 0)),
    ];
    const answer = await ask({ userItems });
    expect(decode(answer!.body).userItems).toEqual([0x51, 0x52, 0x55]);
  });
});

describe('what comes before an association', () => {
  test.each([
    ['P-DATA', cStore('1.2.3', dataSet({ sopInstanceUid: '1.2.3' }))],
    ['A-RELEASE-RQ', RELEASE_RQ],
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: raunet\r\n\r\n')],
    ['an A-ASSOCIATE-RQ above 128 KiB', pdu(1, Buffer.alloc(0), 128 * 1024 + 1)],
    ['an A-ASSOCIATE-RQ too short', pdu(1, Buffer.alloc(67))],
    ['an item longer than the PDU', pdu(1, Buffer.concat([Buffer.alloc(68), bytes(0x10, 0, 0xff, 0xff)]))],
  ])('%s: A-ABORT, and nothing of it is stored', async (_, said) => {
    receiver = await startReceiver();
    const peer = await ScriptedPeer.connect(receiver.port);
    peer.send(said);
    expect(await peer.next()).toMatchObject({ type: 7 });
    peer.destroy();
    await gone();
    expect([await receiver.stored(), await receiver.parts()]).toEqual([[], []]);
    expect(receiver.failures).toEqual(['RAUNET_DICOM_PROTOCOL']);
  });

  test('a connection that says nothing is no fault', async () => {
    receiver = await startReceiver();
    (await ScriptedPeer.connect(receiver.port)).destroy();
    await gone();
    expect(receiver.failures).toEqual([]);
  });

  test('a request that trickles in: ARTIM counts from the connection', async () => {
    receiver = await startReceiver({ config: { artimSeconds: 0.4 } });
    const peer = await ScriptedPeer.connect(receiver.port);
    const begun = Date.now();
    const request = associateRq();
    let said = 0;
    const trickle = setInterval(() => peer.send(request.subarray(said, ++said)), 50);
    expect(await peer.next()).toBeNull();
    clearInterval(trickle);
    expect(Date.now() - begun).toBeLessThan(2000);
    await gone();
    peer.destroy();
  });
});

describe('in an association', () => {
  const message = (set: Buffer, contextId = 1) => pData(pdv(contextId, set, { command: true, last: true }));

  test('C-ECHO: Success', async () => {
    receiver = await startReceiver();
    const peer = await ScriptedPeer.associated(receiver.port, { contexts: [ECHO] });
    peer.send(message(cEchoRq(7)), message(cEchoRq(8)));
    expect(await peer.response()).toMatchObject({ field: 0x8030, messageId: 7, status: 0 });
    expect(await peer.response()).toMatchObject({ field: 0x8030, messageId: 8, status: 0 });
    await peer.release();
    await until('the end', () => receiver.ends.length === 1);
    expect(receiver.ends).toEqual([
      { callingAe: 'PEER', calledAe: 'RAUNET', address: '127.0.0.1', seriesUids: [], clean: true },
    ]);
  });

  test.each([
    ['C-FIND', 0x0020],
    ['C-MOVE', 0x0021],
    ['N-ACTION', 0x0130],
  ])('%s: unrecognized operation, and the association goes on', async (_, field) => {
    receiver = await startReceiver();
    const peer = await ScriptedPeer.associated(receiver.port);
    const set = commandSet({ 0x0002: CT, 0x0100: field, 0x0110: 3, 0x0800: 0 });
    peer.send(
      message(set),
      pData(pdv(1, Buffer.alloc(500), { last: true })),
      cStore('1.2.3', dataSet({ sopInstanceUid: '1.2.3' })),
    );
    expect(await peer.response()).toMatchObject({ field: field | 0x8000, messageId: 3, status: 0x0211 });
    expect(await peer.response()).toMatchObject({ status: 0 });
    await peer.release();
  });

  test('C-CANCEL and responses are not answered', async () => {
    receiver = await startReceiver();
    const peer = await ScriptedPeer.associated(receiver.port, { contexts: [ECHO] });
    peer.send(
      message(commandSet({ 0x0100: 0x0fff, 0x0120: 1, 0x0800: 0x0101 })),
      message(commandSet({ 0x0100: 0x8001, 0x0120: 1, 0x0800: 0x0101, 0x0900: 0 })),
      message(cEchoRq(9)),
    );
    expect(await peer.response()).toMatchObject({ messageId: 9, status: 0 });
    await peer.release();
  });

  const empties = (flags: { command?: boolean }) =>
    pData(...Array.from({ length: 2000 }, () => pdv(1, Buffer.alloc(0), flags)));
  const command = commandSet({ 0x0002: CT, 0x0100: 1, 0x0110: 1, 0x0800: 0, 0x1000: '1.2.3' });
  test.each([
    ['a second A-ASSOCIATE-RQ', associateRq(), 2],
    ['an unknown PDU type', pdu(9, Buffer.alloc(4)), 1],
    ['a context that was not accepted', message(cEchoRq(), 3), 6],
    ['a context that was never proposed', message(cEchoRq(), 99), 6],
    ['an empty P-DATA-TF', pdu(4, Buffer.alloc(0)), 6],
    ['a PDV longer than its PDU', pdu(4, bytes(0, 0, 1, 0, 1, 3)), 6],
    ['a PDV of length 1', pdu(4, bytes(0, 0, 0, 1, 1, 3)), 6],
    ['a data set without a command', pData(pdv(1, Buffer.alloc(10), { last: true })), 6],
    [
      'a command in the middle of a data set',
      Buffer.concat([message(command), pData(pdv(1, Buffer.alloc(10), {})), message(command)]),
      6,
    ],
    [
      'another context in mid-message',
      Buffer.concat([message(command), pData(pdv(3, Buffer.alloc(10), {}))]),
      6,
    ],
    ['release in mid-message', Buffer.concat([message(command), RELEASE_RQ]), 6],
    ['a command set that cannot be decoded', message(Buffer.alloc(20, 0xff)), 6],
    ['a command set without a message id', message(commandSet({ 0x0100: 1, 0x0800: 0 })), 6],
    [
      'a command set above 64 KiB',
      Buffer.concat(Array.from({ length: 6 }, () => pData(pdv(1, Buffer.alloc(16000), { command: true })))),
      6,
    ],
    ['a command of empty fragments without end', empties({ command: true }), 6],
    ['a data set of empty fragments without end', Buffer.concat([message(command), empties({})]), 6],
  ])(
    '%s: A-ABORT by the provider with its reason (PS3.8 Table 9-26), no part stays',
    async (_, said, reason) => {
      receiver = await startReceiver();
      const contexts = [
        { id: 1, abstractSyntax: CT, transferSyntaxes: [EXPLICIT] },
        { id: 3, abstractSyntax: '1.2.3', transferSyntaxes: [EXPLICIT] },
      ];
      const peer = await ScriptedPeer.associated(receiver.port, { contexts });
      peer.send(said);
      expect(await peer.next()).toEqual({ type: 7, body: bytes(0, 0, 2, reason) });
      peer.destroy();
      await gone();
      expect(await receiver.parts()).toEqual([]);
      expect(receiver.ends).toMatchObject([{ clean: false }]);
      expect(receiver.failures).toEqual(['RAUNET_DICOM_PROTOCOL']);
    },
  );

  test('idle: A-ABORT, and the socket is destroyed', async () => {
    receiver = await startReceiver({ config: { idleSeconds: 0.3, artimSeconds: 30 } });
    const peer = await ScriptedPeer.associated(receiver.port);
    expect(await peer.next()).toMatchObject({ type: 7 });
    await gone();
    peer.destroy();
  });

  test('the idle time does not run while the peer waits for us', async () => {
    receiver = await startReceiver({
      config: { idleSeconds: 0.3 },
      store: () => new Promise((done) => setTimeout(done, 900)),
    });
    const peer = await ScriptedPeer.associated(receiver.port);
    peer.send(cStore('1.2.3', dataSet({ sopInstanceUid: '1.2.3' })));
    expect(await peer.response()).toMatchObject({ status: 0 });
    await peer.release();
  });

  test('A-ABORT of the peer closes the connection at once', async () => {
    receiver = await startReceiver({ config: { artimSeconds: 30 } });
    const peer = await ScriptedPeer.associated(receiver.port);
    peer.send(ABORT);
    expect(await peer.next()).toBeNull();
    expect(receiver.failures).toEqual([]);
    peer.destroy();
  });

  test('a peer that asks without end and never reads: it is not read from either, and ends by the idle time', async () => {
    receiver = await startReceiver({ config: { idleSeconds: 0.5 } });
    const peer = await ScriptedPeer.associated(receiver.port, { contexts: [ECHO] });
    peer.socket.pause();
    const burst = Buffer.concat(Array.from({ length: 2000 }, () => message(cEchoRq())));
    const before = process.memoryUsage().rss;
    let taken = 0;
    const flood = async () => {
      while (!peer.socket.destroyed && taken < 400) {
        if (!peer.socket.write(burst))
          await Promise.race([
            new Promise((done) => peer.socket.once('drain', done)),
            new Promise((done) => peer.socket.once('close', done)),
          ]);
        taken++;
      }
    };
    peer.socket.on('error', () => {});
    const flooding = flood();
    await gone();
    peer.destroy();
    await flooding;
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
    expect(receiver.failures).toEqual(['RAUNET_TRANSFER_BROKEN']);
  });
});

test('what a broken transfer of another process left is removed when it is older than the idle time', async () => {
  receiver = await startReceiver({ config: { idleSeconds: 0.3 } });
  const left = join(receiver.dataDir, 'spool', 'incoming', 'left.part');
  await writeFile(left, 'half a data set');
  await until('it is removed', async () => (await receiver.parts()).length === 0, 5);
  expect(receiver.lines).toContainEqual(expect.objectContaining({ level: 'warn', file: 'left.part' }));
});

(hasIpv6 ? test : test.skip)(
  'on a dual-stack address an IPv4 peer is known by its IPv4 address',
  async () => {
    receiver = await startReceiver({ config: { host: '::' } });
    const peer = await ScriptedPeer.associated(receiver.port);
    await peer.release();
    await until('the end', () => receiver.ends.length === 1);
    expect(receiver.ends).toMatchObject([{ address: '127.0.0.1' }]);
  },
);

describe('close', () => {
  test('graceful: the instance in transfer is finished and acknowledged, then the association is aborted', async () => {
    let record: () => void = () => {};
    receiver = await startReceiver({
      store: () =>
        new Promise((done) => {
          record = done;
        }),
    });
    const peer = await ScriptedPeer.associated(receiver.port);
    const idle = await ScriptedPeer.associated(receiver.port);
    peer.send(
      cStore('1.2.3', dataSet({ sopInstanceUid: '1.2.3' })),
      cStore('1.2.4', dataSet({ sopInstanceUid: '1.2.4' }), { messageId: 2 }),
    );
    await until('the first is in the spool', async () => (await receiver.stored()).length === 1);
    const closing = receiver.listener.close(true);
    expect(await idle.next()).toMatchObject({ type: 7 });
    idle.destroy();
    record();
    expect(await peer.response()).toMatchObject({ messageId: 1, status: 0 });
    expect(await peer.next()).toMatchObject({ type: 7 });
    peer.destroy();
    await closing;
    expect(await receiver.stored()).toHaveLength(1);
    expect(receiver.failures).toEqual([]);
    await expect(ScriptedPeer.connect(receiver.port)).rejects.toThrow('ECONNREFUSED');
  });

  test('not graceful: every socket is gone, and no part', async () => {
    receiver = await startReceiver();
    const peers = await Promise.all([1, 2, 3].map(() => ScriptedPeer.associated(receiver.port)));
    for (const [n, peer] of peers.entries())
      peer.send(
        cStore(`1.2.${n}`, dataSet({ sopInstanceUid: `1.2.${n}`, pixels: Buffer.alloc(400_000) })).subarray(
          0,
          300_000,
        ),
      );
    await until('the transfers', async () => (await receiver.parts()).length === 3);
    await receiver.listener.close(false);
    expect(receiver.listener.stats()).toEqual({ connections: 0, associations: 0 });
    expect(await receiver.parts()).toEqual([]);
    for (const peer of peers) expect(await peer.next()).toBeNull();
  });

  test('a port that is taken: RAUNET_LISTEN with the port', async () => {
    receiver = await startReceiver();
    await expect(startReceiver({ config: { port: receiver.port } })).rejects.toThrow(
      `RAUNET_LISTEN: A port cannot be opened (DICOM port 127.0.0.1:${receiver.port}, EADDRINUSE)`,
    );
  });
});
