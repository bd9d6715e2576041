import { readFileSync, symlinkSync, truncateSync, unlinkSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { countInstances, echo } from '../../../src/delivery/query';
import { sendAll } from '../../../src/delivery/send';
import type { Deliverable, Outcome } from '../../../src/delivery/types';
import { readMeta } from '../../../src/dicom/meta';
import { SOP_CLASS, TRANSFER_SYNTAX } from '../../../src/dicom/uids';
import type { ErrorCode } from '../../../src/lib/error-codes';
import { type Log, silentLog } from '../../../src/lib/log';
import { destinationAt, type Files, filesForDelivery } from './destination';
import {
  abort,
  associateReject,
  type Connection,
  contextsOf,
  pData,
  pdu,
  releaseReply,
  response,
  type ScriptedScp,
  scriptedScp,
  associateAccept,
} from './scripted-scp';

const deps = { ourAe: 'RAUNET', log: silentLog };
let files: Files;
let scp: ScriptedScp | undefined;
/** What earlier test files in this worker of jest may have left. */
let socketsBefore: number;

beforeEach(() => {
  socketsBefore = sockets();
  files = filesForDelivery();
});

afterEach(async () => {
  // Whatever the peer did, our side of every connection is closed by now.
  for (const { socket } of scp?.connections ?? []) expect(await endOf(socket)).toBe('closed by the sender');
  await scp?.close();
  scp = undefined;
  files.remove();
  for (let wait = 0; sockets() > socketsBefore && wait < 200; wait++)
    await new Promise((done) => setTimeout(done, 5));
  expect(sockets()).toBeLessThanOrEqual(socketsBefore);
});

const sockets = (): number =>
  process.getActiveResourcesInfo().filter((kind) => kind === 'TCPSocketWrap').length;

function endOf(socket: Connection['socket']): Promise<string> {
  if (socket.readableEnded || socket.destroyed) return Promise.resolve('closed by the sender');
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve('left open'), 1000);
    for (const event of ['end', 'close'])
      socket.once(event, () => {
        clearTimeout(late);
        resolve('closed by the sender');
      });
  });
}

async function play(script: (connection: Connection, n: number) => Promise<void>) {
  scp = await scriptedScp(script);
  return destinationAt(scp.port);
}

/** Accepts everything and answers each message with the status that `statusOf` says; then releases. */
const answering =
  (statusOf: (n: number) => number | null) =>
  async (connection: Connection): Promise<void> => {
    await connection.acceptAssociation();
    for (let n = 0; ; n++) {
      const message = await connection.readMessage();
      if (message === null) break;
      connection.write(response(message.messageId, statusOf(n)));
    }
    connection.write(releaseReply());
  };

const codes = (outcomes: readonly Outcome[]): (ErrorCode | null)[] =>
  outcomes.map(({ error }) => error?.code ?? null);

const dataSetOf = ({ file }: Deliverable): Buffer => {
  const bytes = readFileSync(file);
  return bytes.subarray(readMeta(bytes).end);
};

const three = (): Deliverable[] => [
  files.make('segmentation'),
  files.make('comprehensiveSr'),
  files.make('secondaryCapture'),
];

describe('what is sent', () => {
  test('the data set arrives byte for byte, in PDUs no longer than the peer takes', async () => {
    const received: Buffer[] = [];
    const longest = { pdu: 0 };
    const destination = await play(async (connection) => {
      const read = connection.read.bind(connection);
      connection.read = async () => {
        const next = await read();
        if (next?.type === 0x04) longest.pdu = Math.max(longest.pdu, next.bytes.length - 6);
        return next;
      };
      await connection.acceptAssociation();
      for (let message = await connection.readMessage(); message; message = await connection.readMessage()) {
        received.push(message.dataSet!);
        connection.write(response(message.messageId, 0x0000));
      }
      connection.write(releaseReply());
    });
    const sent = three();
    const outcomes = await sendAll(destination, sent, deps);

    expect(codes(outcomes)).toEqual([null, null, null]);
    expect(outcomes.map(({ sopInstanceUid }) => sopInstanceUid)).toEqual(sent.map((f) => f.sopInstanceUid));
    expect(received.map((bytes, n) => bytes.equals(dataSetOf(sent[n]!)))).toEqual([true, true, true]);
    expect(longest.pdu).toBeLessThanOrEqual(16384);
    expect(longest.pdu).toBeGreaterThan(16000);
  });

  test('each SOP class is proposed with its own transfer syntax alone, the default one in a context beside it', async () => {
    let proposed: string[] = [];
    const destination = await play(async (connection) => {
      const request = (await connection.read())!;
      proposed = contextsOf(request.bytes).map(
        ({ abstract, transfers }) => `${abstract} ${transfers.join()}`,
      );
      connection.write(associateReject(1, 1, 1));
    });
    await sendAll(
      destination,
      [
        files.make('segmentation', { transferSyntaxUid: TRANSFER_SYNTAX.deflatedExplicitLittleEndian }),
        files.make('comprehensiveSr'),
        files.make('comprehensiveSr'),
      ],
      deps,
    );
    expect(proposed).toEqual([
      `${SOP_CLASS.segmentation} 1.2.840.10008.1.2.1.99`,
      `${SOP_CLASS.segmentation} 1.2.840.10008.1.2`,
      `${SOP_CLASS.comprehensiveSr} 1.2.840.10008.1.2.1`,
      `${SOP_CLASS.comprehensiveSr} 1.2.840.10008.1.2`,
    ]);
  });

  test('a file that is gone or holds another object fails by itself; the others are sent', async () => {
    const destination = await play(answering(() => 0x0000));
    const [gone, other, good] = three();
    unlinkSync(gone!.file);
    const outcomes = await sendAll(
      destination,
      [gone!, { ...other!, sopInstanceUid: '2.25.5' }, good!],
      deps,
    );
    expect(codes(outcomes)).toEqual(['RAUNET_RESULT_MISSING', 'RAUNET_RESULT_MISSING', null]);
  });

  test('a file that cannot be read now fails as transient, so that it is sent later; the others are sent', async () => {
    const destination = await play(answering(() => 0x0000));
    const [unreadable, good] = three();
    unlinkSync(unreadable!.file);
    symlinkSync(unreadable!.file, unreadable!.file);
    const outcomes = await sendAll(destination, [unreadable!, good!], deps);
    expect(codes(outcomes)).toEqual(['RAUNET_SPOOL_READ', null]);
    expect(outcomes[0]!.error).toMatchObject({
      class: 'transient',
      context: { destination: 'pacs', detail: `${unreadable!.sopInstanceUid}.dcm: ELOOP` },
    });
  });
});

describe('statuses', () => {
  test.each<[number | null, ErrorCode | 'stored' | 'warning']>([
    [0x0000, 'stored'],
    [0xb000, 'warning'],
    [0xb006, 'warning'],
    [0xb007, 'warning'],
    [0xb123, 'warning'],
    [0x0111, 'warning'],
    [0xa700, 'RAUNET_STORE_BUSY'],
    [0xa7ff, 'RAUNET_STORE_BUSY'],
    [0x0110, 'RAUNET_STORE_BUSY'],
    [0x0213, 'RAUNET_STORE_BUSY'],
    [0xa900, 'RAUNET_STORE_REFUSED'],
    [0xc000, 'RAUNET_STORE_REFUSED'],
    [0xc1ab, 'RAUNET_STORE_REFUSED'],
    [0x0122, 'RAUNET_STORE_REFUSED'],
    [0x0124, 'RAUNET_STORE_REFUSED'],
    [0x1234, 'RAUNET_STORE_REFUSED'],
    [null, 'RAUNET_STORE_REFUSED'],
  ])('status %i of one object ends as %s and leaves the next one alone', async (status, end) => {
    const destination = await play(answering((n) => (n === 0 ? status : 0x0000)));
    const warnings: unknown[] = [];
    const log: Log = { ...silentLog, warn: (_, fields) => void warnings.push(fields?.['warning']) };
    const [first, second] = await sendAll(destination, three().slice(0, 2), { ...deps, log });

    expect(first!.status).toBe(status ?? -1);
    if (end === 'stored' || end === 'warning') expect(first!.error).toBeNull();
    else expect(first!.error?.code).toBe(end);
    expect(warnings).toHaveLength(end === 'warning' ? 1 : 0);
    expect(second!.error).toBeNull();
  });
});

test('a pending status is no answer to a C-STORE', async () => {
  const destination = { ...(await play(answering(() => 0xff00))), responseSeconds: 0.3 };
  expect(codes(await sendAll(destination, three().slice(0, 1), deps))).toEqual([
    'RAUNET_ASSOCIATION_ABORTED',
  ]);
});

describe('associations that do not come about', () => {
  test.each<[string, number, number, number, ErrorCode]>([
    ['permanent, no reason', 1, 1, 1, 'RAUNET_ASSOCIATION_REJECTED'],
    ['permanent, calling AE title unknown', 1, 1, 3, 'RAUNET_ASSOCIATION_REJECTED'],
    ['permanent, called AE title unknown', 1, 1, 7, 'RAUNET_ASSOCIATION_REJECTED'],
    ['permanent, protocol version', 1, 2, 2, 'RAUNET_ASSOCIATION_REJECTED'],
    ['transient, no reason', 2, 1, 1, 'RAUNET_ASSOCIATION_BUSY'],
    ['transient, congestion', 2, 3, 1, 'RAUNET_ASSOCIATION_BUSY'],
    ['transient, local limit', 2, 3, 2, 'RAUNET_ASSOCIATION_BUSY'],
    ['permanent by mistake, local limit', 1, 3, 2, 'RAUNET_ASSOCIATION_BUSY'],
  ])('rejected: %s', async (_, result, source, reason, code) => {
    // Rejection and end of the connection in one go, as most peers do.
    const destination = await play(async (connection) => {
      await connection.read();
      connection.socket.end(associateReject(result, source, reason));
    });
    const outcomes = await sendAll(destination, three(), deps);
    expect(codes(outcomes)).toEqual([code, code, code]);
    expect(scp!.connections).toHaveLength(1);
  });

  test('nobody listens: transient, with the reason in words', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((done) => server.once('listening', done));
    const { port } = server.address() as AddressInfo;
    await new Promise((done) => server.close(done));
    const [outcome] = await sendAll(destinationAt(port), three(), deps);
    expect(outcome!.error).toMatchObject({ code: 'RAUNET_DESTINATION_DOWN', class: 'transient' });
    expect(outcome!.error!.message).toContain('connection refused');
  });

  test.each<[string, (connection: Connection) => Promise<void>]>([
    ['accepts the connection and closes its half', async ({ socket }) => void socket.end()],
    ['accepts the connection and resets it', async ({ socket }) => void socket.resetAndDestroy()],
    ['never answers', async () => {}],
    ['answers with rubbish', async ({ socket }) => void socket.write('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['aborts', async (connection) => connection.write(abort())],
  ])('the peer %s: down for now, nothing was sent', async (_, script) => {
    const destination = { ...(await play(script)), responseSeconds: 0.5 };
    expect(codes(await sendAll(destination, three(), deps))).toEqual(
      Array(3).fill('RAUNET_DESTINATION_DOWN'),
    );
  });
});

test('a PDU that is announced longer than agreed is refused at its header, not waited for', async () => {
  const destination = await play(async ({ socket }) => void socket.write(Buffer.from('0200ffffffff', 'hex')));
  const [outcome] = await sendAll(destination, three(), deps);
  expect(outcome!.error?.code).toBe('RAUNET_DESTINATION_DOWN');
  expect(outcome!.error?.message).toContain('a PDU of 4294967295 bytes');
});

describe('presentation contexts', () => {
  test('none accepted: every object has failed, nothing was sent, the association is released', async () => {
    let afterwards: number | undefined;
    const destination = await play(async (connection) => {
      await connection.acceptAssociation(() => false);
      afterwards = (await connection.read())?.type;
      connection.write(releaseReply());
    });
    const outcomes = await sendAll(destination, three(), deps);
    expect(codes(outcomes)).toEqual(Array(3).fill('RAUNET_NOT_ACCEPTED'));
    expect(outcomes[0]!.error!.message).toContain(SOP_CLASS.segmentation);
    expect(afterwards).toBe(0x05);
  });

  test('one SOP class refused: the others are sent', async () => {
    const destination = await play(async (connection) => {
      await connection.acceptAssociation((abstract) => abstract !== SOP_CLASS.segmentation);
      for (let message = await connection.readMessage(); message; message = await connection.readMessage())
        connection.write(response(message.messageId, 0x0000));
      connection.write(releaseReply());
    });
    expect(codes(await sendAll(destination, three(), deps))).toEqual(['RAUNET_NOT_ACCEPTED', null, null]);
  });

  test('a context accepted with a transfer syntax that was not proposed is not used', async () => {
    const destination = await play(async (connection) => {
      const contexts = contextsOf((await connection.read())!.bytes);
      const other = contexts.map((context) => ({
        ...context,
        transfers: [TRANSFER_SYNTAX.explicitBigEndian],
      }));
      connection.write(associateAccept(other, () => true));
      await connection.read();
      connection.write(releaseReply());
    });
    expect(codes(await sendAll(destination, three(), deps))).toEqual(Array(3).fill('RAUNET_NOT_ACCEPTED'));
  });
});

describe('associations that break', () => {
  test('aborted after the last fragment of one object: that one is ambiguous, the others go over a new association', async () => {
    const destination = await play(async (connection, n) => {
      if (n > 0) return answering(() => 0x0000)(connection);
      await connection.acceptAssociation();
      await connection.readMessage();
      connection.socket.end(abort());
    });
    const outcomes = await sendAll(destination, three(), deps);
    expect(codes(outcomes)).toEqual(['RAUNET_ASSOCIATION_ABORTED', null, null]);
    expect(outcomes[0]!.error).toMatchObject({ class: 'ambiguous' });
    expect(scp!.connections).toHaveLength(2);
  });

  test('dropped between two stores: what was answered stays answered, the rest goes over a new association', async () => {
    const destination = await play(async (connection, n) => {
      if (n > 0) return answering(() => 0x0000)(connection);
      await connection.acceptAssociation();
      const { messageId } = (await connection.readMessage())!;
      // Response and end of the connection in one segment: the end must not overtake the response.
      connection.socket.end(response(messageId, 0x0000));
    });
    const outcomes = await sendAll(destination, three(), deps);
    expect(outcomes[0]).toMatchObject({ status: 0x0000, error: null });
    // Whether the end was seen before or after the second request went out is the network's affair.
    expect([undefined, 'RAUNET_ASSOCIATION_ABORTED']).toContain(outcomes[1]!.error?.code);
    expect(outcomes[1]!.status).toBe(outcomes[1]!.error ? null : 0x0000);
    expect(outcomes[2]).toMatchObject({ status: 0x0000, error: null });
  });

  test('a peer that drops every association ends the attempt: one try for each object', async () => {
    const destination = await play(async (connection) => {
      await connection.acceptAssociation();
      connection.socket.resetAndDestroy();
    });
    expect(codes(await sendAll(destination, three(), deps))).toEqual(
      Array(3).fill('RAUNET_ASSOCIATION_ABORTED'),
    );
    expect(scp!.connections).toHaveLength(3);
  });

  test('no response within responseSeconds: failed, and the socket is gone', async () => {
    const destination = {
      ...(await play(async (connection) => {
        await connection.acceptAssociation();
      })),
      responseSeconds: 0.3,
    };
    const [outcome] = await sendAll(destination, three().slice(0, 1), deps);
    expect(outcome!.error?.code).toBe('RAUNET_ASSOCIATION_ABORTED');
    expect(outcome!.error?.message).toContain('no answer within 0.3 s');
  });

  test('a peer that takes no data is given up after responseSeconds', async () => {
    const destination = {
      ...(await play(async (connection) => {
        await connection.acceptAssociation();
        connection.socket.pause();
      })),
      responseSeconds: 0.5,
    };
    const big = files.make('segmentation', { pixelBytes: 30_000_000 });
    const [outcome] = await sendAll(destination, [big], deps);
    expect(outcome!.error?.message).toContain('the peer took no data within 0.5 s');
    scp!.connections[0]!.socket.resume();
  });

  test('an answer to another message, and a request of the peer, are no answer', async () => {
    const destination = {
      ...(await play(async (connection) => {
        await connection.acceptAssociation();
        const { messageId } = (await connection.readMessage())!;
        connection.write(response(messageId + 1, 0x0000));
        connection.write(response(messageId, 0x0000, 0x0030));
      })),
      responseSeconds: 0.4,
    };
    expect(codes(await sendAll(destination, three().slice(0, 1), deps))).toEqual([
      'RAUNET_ASSOCIATION_ABORTED',
    ]);
  });

  test('an answer of empty fragments without end is given up, not held', async () => {
    const destination = await play(async (connection) => {
      await connection.acceptAssociation();
      await connection.readMessage();
      const empty = Buffer.from([0, 0, 0, 2, 1, 1]); // PS3.8 E.2: of a command, not the last
      const flood = pdu(0x04, Buffer.concat(Array(2000).fill(empty)));
      for (let n = 0; n < 10; n++) connection.write(flood);
    });
    const [outcome] = await sendAll({ ...destination, responseSeconds: 3 }, three().slice(0, 1), deps);
    expect(outcome!.error?.message).toContain('more than 10000 fragments');
  });

  test('a file that shrinks while it is sent never becomes a shorter object: the association ends', async () => {
    const big = files.make('segmentation', { pixelBytes: 30_000_000 });
    let complete: unknown = 'nothing';
    const destination = await play(async (connection, n) => {
      if (n > 0) return answering(() => 0x0000)(connection);
      await connection.acceptAssociation();
      await connection.read();
      truncateSync(big.file, 1_000_000);
      complete = await connection.readMessage();
    });
    const outcomes = await sendAll(destination, [big, files.make('comprehensiveSr')], deps);
    expect(codes(outcomes)).toEqual(['RAUNET_RESULT_MISSING', null]);
    expect(complete).toBeNull();
  });

  test('stopped by the service: what has no answer is ambiguous, and nothing is tried again', async () => {
    const stop = new AbortController();
    const destination = await play(async (connection) => {
      await connection.acceptAssociation();
      await connection.readMessage();
      stop.abort();
    });
    const outcomes = await sendAll(destination, three(), { ...deps, signal: stop.signal });
    expect(codes(outcomes)).toEqual(Array(3).fill('RAUNET_ASSOCIATION_ABORTED'));
    expect(scp!.connections).toHaveLength(1);
  });

  test('a peer that does not answer the release changes nothing', async () => {
    const destination = {
      ...(await play(async (connection) => {
        await connection.acceptAssociation();
        const { messageId } = (await connection.readMessage())!;
        connection.write(response(messageId, 0x0000));
      })),
      responseSeconds: 0.3,
    };
    expect(codes(await sendAll(destination, three().slice(0, 1), deps))).toEqual([null]);
  });
});

describe('C-ECHO and C-FIND', () => {
  test('echo tells the round trip; a status other than Success is a failure', async () => {
    const destination = await play(answering(() => 0x0000));
    expect(await echo(destination, deps)).toBeGreaterThan(0);
    await scp!.close();
    const refusing = await play(answering(() => 0x0122));
    await expect(echo(refusing, deps)).rejects.toMatchObject({ code: 'RAUNET_DESTINATION_DOWN' });
  });

  test('a query that is refused is said so, not read as zero', async () => {
    const destination = await play(answering(() => 0xa700));
    await expect(
      countInstances(destination, { studyUid: '2.25.1', seriesUid: '2.25.2' }, deps),
    ).rejects.toMatchObject({ code: 'RAUNET_QUERY_REFUSED' });
  });

  test('a query without a match is null', async () => {
    const destination = await play(answering(() => 0x0000));
    expect(await countInstances(destination, { studyUid: '2.25.1', seriesUid: '2.25.2' }, deps)).toBeNull();
  });

  test('an answer that is cut short, wherever, is a failure at once and no Success, and nothing is printed', async () => {
    const printed = (['error', 'warn', 'log', 'trace'] as const).map((name) =>
      jest.spyOn(console, name).mockImplementation(() => {}),
    );
    const whole = response(1, 0x0000).subarray(12);
    for (let length = 0; length < whole.length; length++) {
      const destination = await play(async (connection) => {
        await connection.acceptAssociation();
        const { messageId } = (await connection.readMessage())!;
        connection.write(pData(response(messageId, 0x0000).subarray(12, 12 + length), true));
        // Between two elements it is whole but for its status: then we release.
        if ((await connection.readMessage()) === null) connection.write(releaseReply());
      });
      const started = performance.now();
      await expect(echo(destination, deps)).rejects.toMatchObject({
        code: expect.stringMatching(/^RAUNET_(ASSOCIATION_ABORTED|DESTINATION_DOWN)$/),
      });
      // Not by waiting for more: the answer itself is found broken.
      expect(performance.now() - started).toBeLessThan(destination.responseSeconds * 1000);
      await scp!.close();
    }
    const lines = printed.flatMap((each) => each.mock.calls);
    jest.restoreAllMocks();
    expect(lines).toEqual([]);
  });

  test('a broken P-DATA PDU ends the association with a word', async () => {
    const destination = await play(async (connection) => {
      await connection.acceptAssociation();
      await connection.readMessage();
      connection.write(pdu(0x04, Buffer.from('0000ffff0103', 'hex')));
    });
    await expect(echo(destination, deps)).rejects.toThrow('broken P-DATA PDU');
  });
});
