import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import fc from 'fast-check';
import { createMetrics } from '../../src/admin/metrics';
import type { Admin } from '../../src/admin/server';
import { sendAll } from '../../src/delivery/send';
import { readHeader } from '../../src/dicom/read';
import { TRANSFER_SYNTAX } from '../../src/dicom/uids';
import { RaunetError } from '../../src/lib/errors';
import { silentLog } from '../../src/lib/log';
import { destinationAt, filesForDelivery } from '../contract/delivery/destination';
import {
  associateAccept,
  contextsOf,
  releaseReply,
  response,
  scriptedScp,
} from '../contract/delivery/scripted-scp';
import { dataSet } from '../fixtures/data-set';
import { descriptors, type Receiver, startReceiver } from '../fixtures/receiver';
import {
  associateRq,
  cEchoRq,
  cStore,
  CT,
  pData,
  pdv,
  RELEASE_RQ,
  ScriptedPeer,
  VERIFICATION,
} from '../fixtures/scripted-peer';
import { until } from '../fixtures/until';
import { seriesRecord, startTestAdmin } from '../unit/admin/service';
import { figure } from './frame';
import { fuzz } from './fuzz';
import { mutated, share } from './mutator';

// Bad input over real sockets: the listener with the real spool, the SCU against a destination that answers nonsense,
// the admin API.
jest.setTimeout(60 * 60_000);

/** Sends the bytes in pieces, then no more; resolves to what came back when the other side has closed. */
function converse(port: number, pieces: readonly Buffer[], seconds = 10): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true });
    const answers: Buffer[] = [];
    const late = setTimeout(() => {
      socket.destroy();
      reject(new Error(`the connection was still open after ${seconds} s`));
    }, seconds * 1000);
    socket.on('data', (chunk) => answers.push(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(late);
      resolve(Buffer.concat(answers));
    });
    socket.on('end', () => socket.end());
    for (const piece of pieces) socket.write(piece);
    socket.end();
  });
}

const inPieces = (bytes: Buffer, at: number): Buffer[] => {
  const middle = Math.floor(at * bytes.length);
  return [bytes.subarray(0, middle), bytes.subarray(middle)];
};

describe('listener', () => {
  let receiver: Receiver;
  beforeAll(async () => {
    receiver = await startReceiver({ config: { artimSeconds: 2, idleSeconds: 2, maxAssociations: 50 } });
  });
  afterAll(() => receiver.stop());

  const SYNTAXES = [
    TRANSFER_SYNTAX.implicitLittleEndian,
    TRANSFER_SYNTAX.explicitLittleEndian,
    TRANSFER_SYNTAX.explicitBigEndian,
    TRANSFER_SYNTAX.deflatedExplicitLittleEndian,
  ];
  const request = associateRq({
    contexts: [
      ...SYNTAXES.map((syntax, n) => ({ id: 2 * n + 1, abstractSyntax: CT, transferSyntaxes: [syntax] })),
      { id: 9, abstractSyntax: VERIFICATION, transferSyntaxes: [TRANSFER_SYNTAX.implicitLittleEndian] },
    ],
  });
  const uidOf = (n: number): string => `1.2.826.0.1.${n + 1}`;
  const dataSets = SYNTAXES.map((transferSyntaxUid, n) =>
    dataSet({ sopInstanceUid: uidOf(n), transferSyntaxUid, pixels: Buffer.alloc(400, 5) }),
  );
  const conversation = (n: number, bytes: Buffer): Buffer =>
    Buffer.concat([
      cStore(uidOf(n), bytes, { contextId: 2 * n + 1, size: 500 }),
      pData(pdv(9, cEchoRq(2), { command: true, last: true })),
      RELEASE_RQ,
    ]);
  const conversations = dataSets.map((bytes, n) => conversation(n, bytes));

  /** What was acknowledged is kept as it was recorded, and is read, or refused with a code at the analysis. */
  async function promisesHold(): Promise<void> {
    for (const { file, sopInstanceUid, seriesUid, studyUid, sha256 } of receiver.receipts.splice(0)) {
      await receiver.spool.verify(file, sha256);
      expect(file.split('/').slice(0, 2)).toEqual([studyUid, seriesUid]);
      const bytes = await readFile(receiver.spool.path(file));
      try {
        const { dataset } = readHeader(bytes);
        expect(dataset.string('SOPInstanceUID')).toBe(sopInstanceUid);
        expect(dataset.string('SeriesInstanceUID')).toBe(seriesUid);
      } catch (thrown) {
        if (!(thrown instanceof RaunetError)) throw thrown;
        expect(thrown.code).toBe('RAUNET_UNREADABLE');
        flagged++;
      }
      acknowledged++;
    }
  }
  let acknowledged = 0;
  let flagged = 0;

  test.each([
    ['in the association request', 500, mutated([request]).map((bytes) => [bytes, ...conversations])],
    [
      'in messages',
      1000,
      fc.tuple(mutated(conversations), share).map(([bytes, at]) => [request, ...inPieces(bytes, at)]),
    ],
    [
      'in data sets',
      2500,
      fc
        .nat(SYNTAXES.length - 1)
        .chain((n) => mutated([dataSets[n]!]).map((bytes) => [request, conversation(n, bytes)])),
    ],
  ] as const)(
    'damage %s: an answer or an end, no part file, no descriptor, nothing acknowledged that cannot be found again',
    async (where, cases, arbitrary) => {
      await fuzz(`connections with damage ${where}`, cases, arbitrary, async (pieces) => {
        await converse(receiver.port, pieces as Buffer[]);
        await promisesHold();
      });
      await until('no part file is left', async () => (await receiver.parts()).length === 0);
      await until('no descriptor is left', async () => (await descriptors(receiver.dataDir)).length === 0);
      const peer = await ScriptedPeer.associated(receiver.port, {
        contexts: [
          { id: 1, abstractSyntax: VERIFICATION, transferSyntaxes: [TRANSFER_SYNTAX.implicitLittleEndian] },
        ],
      });
      peer.send(pData(pdv(1, cEchoRq(), { command: true, last: true })));
      expect((await peer.response()).status).toBe(0);
      await peer.release();
    },
  );

  test('most of what was damaged behind its identity was acknowledged, so that this was about something', () => {
    figure('fuzz: instances acknowledged, each found again bit by bit', acknowledged);
    figure('fuzz: of these, unreadable behind their identity and refused with a code later', flagged);
    expect(acknowledged).toBeGreaterThan(300);
    expect(flagged).toBeGreaterThan(0);
  });
});

test('a destination that answers nonsense ends in an outcome with a code for each file', async () => {
  const files = filesForDelivery();
  const file = files.make('comprehensiveSr', { pixelBytes: 400 });
  let answer: (request: Buffer) => Buffer = () => Buffer.alloc(0);
  const scp = await scriptedScp(async (connection) => {
    const request = await connection.read();
    if (request === null) return;
    connection.write(answer(request.bytes));
    connection.socket.end();
    while ((await connection.read()) !== null);
  });
  const whole = (request: Buffer): Buffer[] => [
    associateAccept(contextsOf(request), () => true),
    response(1, 0),
    releaseReply(),
  ];
  try {
    // The answers do not depend on the request but for its contexts, which are always the same.
    const seeds = [Buffer.concat(whole(await requestOf(file)))];
    await fuzz('answers of a destination', 400, mutated(seeds), async (bytes) => {
      answer = () => bytes;
      const deps = { ourAe: 'RAUNET', log: silentLog };
      const [outcome] = await sendAll(destinationAt(scp.port, { responseSeconds: 1 }), [file], deps);
      if (outcome!.error === null) return;
      expect(outcome!.error).toBeInstanceOf(RaunetError);
      expect(outcome!.error.code).not.toBe('RAUNET_INTERNAL');
      expect(outcome!.error.code).not.toBe('RAUNET_RESULT_MISSING');
    });
  } finally {
    await scp.close();
    files.remove();
  }
});

/** The A-ASSOCIATE-RQ of our SCU for this file. */
async function requestOf(file: Parameters<typeof sendAll>[1][number]): Promise<Buffer> {
  let request = Buffer.alloc(0);
  const scp = await scriptedScp(async (connection) => {
    request = (await connection.read())?.bytes as Buffer<ArrayBuffer>;
    connection.socket.destroy();
  });
  await sendAll(destinationAt(scp.port), [file], { ourAe: 'RAUNET', log: silentLog });
  await scp.close();
  return request;
}

describe('admin API', () => {
  let admin: Admin;
  const errors: unknown[] = [];
  beforeAll(async () => {
    admin = await startTestAdmin([seriesRecord(1), seriesRecord(2, { finishedAt: null, state: 'mask' })], {
      metrics: createMetrics(),
      log: { ...silentLog, error: (message, fields) => void errors.push([message, fields]) },
    });
  });
  afterAll(() => admin.close());

  /** No answer, or one that blames the request, or one of the few that say yes; never "we failed". */
  function isSound(answer: Buffer): void {
    const status = /^HTTP\/1\.[01] (\d{3}) /.exec(answer.toString('latin1'))?.[1];
    if (answer.length > 0) expect(status).toMatch(/^(2|3|4)\d\d$|^501$|^505$/);
    expect(errors.splice(0)).toEqual([]);
  }

  test('damaged requests are answered as such', async () => {
    const body = '{"priority":"stat"}';
    const requests = [
      'GET /api/series?state=done,mask&limit=2&since=2026-01-01T00:00:00Z HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
      'GET /api/series/1.2.3.1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
      `POST /api/series/1.2.3.2/priority HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      'GET /openapi.yaml HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nRange: bytes=1-5\r\nIf-Modified-Since: x\r\n\r\n',
      'GET /dashboard.mjs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    ].map((text) => Buffer.from(text));
    await fuzz('HTTP requests, bytes', 1500, mutated(requests), async (bytes) =>
      isSound(await converse(admin.port, [bytes], 15)),
    );
    expect((await fetch(`http://127.0.0.1:${admin.port}/health`)).ok).toBe(true);
  });

  test('any path, query and body is answered as such', async () => {
    const path = fc.oneof(
      fc.constantFrom(
        '/api/series',
        '/api/series/1.2.3.1',
        '/api/series/1.2.3.2/cancel',
        '/api/series/1.2.3.1/retry',
        '/api/series/1.2.3.1/priority',
        '/metrics',
        '/..%2f..%2fetc/passwd',
        '/%00',
        '/%',
        '//',
      ),
      fc.webPath(),
      fc.string().map((text) => `/api/series/${encodeURIComponent(text)}`),
    );
    const query = fc.oneof(
      fc.constantFrom(
        '',
        '?limit=0',
        '?limit=1e9',
        '?limit=NaN',
        '?state=&state=done',
        '?since=0000-00-00T00:00:00Z',
        '?since=9999-12-31T23:59:59Z',
        '?cursor=OTk5OTk5OTk5OTk5OTk5IDEuMg',
        '?study[$ne]=1',
        '?__proto__[a]=1',
        '?state[]=x',
      ),
      fc.webQueryParameters().map((text) => `?${text}`),
      fc.string().map((text) => `?cursor=${encodeURIComponent(Buffer.from(text).toString('base64url'))}`),
    );
    const body = fc.oneof(
      fc.constantFrom(
        '',
        '{',
        '[]',
        'null',
        '{"priority":1}',
        '{"priority":"stat","x":1}',
        '{"__proto__":{}}',
      ),
      fc.json(),
    );
    await fuzz(
      'HTTP requests, values',
      1500,
      fc.tuple(
        fc.constantFrom('GET', 'POST', 'HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'),
        path,
        query,
        body,
      ),
      async ([method, where, what, text]) => {
        const bytes = Buffer.from(text);
        const head = `${method} ${where}${what} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${bytes.length}\r\n\r\n`;
        isSound(await converse(admin.port, [Buffer.from(head, 'latin1'), bytes], 15));
      },
    );
  });
});
