import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { connect as connectTls, type SecureVersion } from 'node:tls';
import { join } from 'node:path';
import { configSchema } from '../../src/config/schema';
import { echo } from '../../src/delivery/query';
import { sendAll } from '../../src/delivery/send';
import { SOP_CLASS, TRANSFER_SYNTAX } from '../../src/dicom/uids';
import { writePart10 } from '../../src/dicom/write';
import type { RaunetError } from '../../src/lib/errors';
import { silentLog } from '../../src/lib/log';
import { certificateFindings } from '../../src/steps/certificates';
import { destinationAt, filesForDelivery } from '../contract/delivery/destination';
import { type Authority, authority, selfSigned } from '../fixtures/certificates';
import { dcmtk } from '../fixtures/dcmtk';
import { freePort } from '../fixtures/ports';
import { type Receiver, type ReceiverOptions, startReceiver } from '../fixtures/receiver';
import { RELEASE_RQ, ScriptedPeer } from '../fixtures/scripted-peer';
import { until } from '../fixtures/until';

// DICOM TLS (PS3.15 B.9, B.10) against DCMTK, which has its own OpenSSL, both ways.

const folder = mkdtempSync(join(tmpdir(), 'raunet-tls-'));
let ours: Authority;
let others: Authority;
let server: { certificate: string; key: string };
let ct1: { certificate: string; key: string };

beforeAll(() => {
  ours = authority(folder, 'ours-ca');
  others = authority(folder, 'others-ca');
  server = ours.issue('raunet.example');
  ct1 = ours.issue('ct1.example');
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('the DICOM port', () => {
  let receiver: Receiver;
  const start = async (config: ReceiverOptions['config'] = {}) => {
    receiver = await startReceiver({
      config: { tls: { ...server, ca: ours.ca }, artimSeconds: 2, ...config },
    });
  };
  afterEach(() => receiver.stop());

  const echoscu = (...options: string[]) =>
    dcmtk(
      'echoscu',
      ...options,
      '-aet',
      'CT1',
      '-aec',
      'RAUNET',
      '-to',
      '5',
      '-ta',
      '5',
      '127.0.0.1',
      `${receiver.port}`,
    );
  const as = ({ certificate, key }: { certificate: string; key: string }, ca = ours.ca) => [
    '+tls',
    key,
    certificate,
    '+cf',
    ca,
  ];
  const nothingLeft = () =>
    until('no connection is left', () => {
      const { connections, associations } = receiver.listener.stats();
      return connections === 0 && associations === 0;
    });

  test('takes C-ECHO and C-STORE of who shows a certificate of our authority', async () => {
    await start();
    expect(await echoscu(...as(ct1))).toMatchObject({ status: 0 });
    const file = join(folder, 'slice.dcm');
    const ids = {
      StudyInstanceUID: '1.2.3',
      SeriesInstanceUID: '1.2.3.4',
      PixelData: new Uint8Array(600_000),
    };
    const meta = { sopClassUid: SOP_CLASS.ct, sopInstanceUid: '1.2.3.9' };
    const transferSyntaxUid = TRANSFER_SYNTAX.explicitLittleEndian;
    writeFileSync(file, writePart10({ ...meta, transferSyntaxUid, dataset: { ...ids, Modality: 'CT' } }));
    const address = ['-aec', 'RAUNET', '127.0.0.1', String(receiver.port), file];
    expect(await dcmtk('storescu', ...as(ct1), ...address)).toMatchObject({ status: 0 });
    expect(receiver.receipts.map(({ sopInstanceUid }) => sopInstanceUid)).toEqual(['1.2.3.9']);
  });

  test.each([
    ['of another authority', () => as(others.issue('other.example'))],
    ['that has expired', () => as(ours.issue('old.example', -1))],
    ['at all: anonymous', () => ['+tla', '+cf', ours.ca]],
  ])(
    'refuses who shows no certificate, or one %s, with a code, and nothing stays open',
    async (_, options) => {
      await start();
      expect((await echoscu(...options())).status).not.toBe(0);
      await until('it is told', () => receiver.failures.includes('RAUNET_TLS_REFUSED'));
      await nothingLeft();
    },
  );

  test('without ca takes who shows no certificate', async () => {
    await start({ tls: server });
    expect(await echoscu('+tla', '+cf', ours.ca)).toMatchObject({ status: 0 });
  });

  test('a peer that does not trust our authority ends it itself', async () => {
    await start();
    expect((await echoscu(...as(ct1, others.ca))).status).not.toBe(0);
    await nothingLeft();
  });

  test('plain DICOM ends at once, silence and a slow trickle with ARTIM', async () => {
    await start();
    const began = Date.now();
    expect((await echoscu()).status).not.toBe(0);
    expect(Date.now() - began).toBeLessThan(2000);
    const silent = connect(receiver.port, '127.0.0.1');
    silent.on('error', () => {});
    const closed = new Promise((resolve) => silent.once('close', resolve));
    silent.write(Buffer.from([0x16, 0x03]));
    await closed;
    expect(Date.now() - began).toBeLessThan(6000);
    await nothingLeft();
  });

  describe('who comes without a handshake', () => {
    const comeAndGo = (go: (socket: Socket) => void) =>
      new Promise<void>((resolve) => {
        const socket = connect(receiver.port, '127.0.0.1', () => go(socket));
        socket.on('error', () => {}).once('close', () => resolve());
      });
    const warnings = () => receiver.lines.filter(({ level }) => level === 'warn');

    test.each<[string, (socket: Socket) => void]>([
      ['closes', (socket) => socket.end()],
      ['resets', (socket) => socket.resetAndDestroy()],
    ])('and %s without a byte is a health check, and no fault', async (_, go) => {
      const refused = jest.fn();
      receiver = await startReceiver({ config: { tls: { ...server, ca: ours.ca } }, refused });
      for (let n = 0; n < 3; n++) await comeAndGo(go);
      await comeAndGo((socket) => socket.end(Buffer.from([0x16, 0x03])));
      await until('the one with bytes is told', () => refused.mock.calls.length > 0);
      await nothingLeft();
      expect(refused.mock.calls).toEqual([[{ reason: 'RAUNET_TLS_REFUSED', address: '127.0.0.1' }]]);
      expect(receiver.failures).toEqual(['RAUNET_TLS_REFUSED']);
      expect(warnings()).toHaveLength(1);
    });

    test('again and again is counted each time, and told ten times in five minutes', async () => {
      const refused = jest.fn();
      receiver = await startReceiver({ config: { tls: { ...server, ca: ours.ca } }, refused });
      for (let n = 0; n < 14; n++) await comeAndGo((socket) => socket.write('GET / HTTP/1.0\r\n\r\n'));
      await until('all are counted', () => receiver.failures.length === 14);
      await nothingLeft();
      expect(refused).toHaveBeenCalledTimes(10);
      expect(warnings()).toHaveLength(10);
    });
  });

  test('stops while a handshake hangs', async () => {
    await start({ artimSeconds: 60 });
    const silent = connect(receiver.port, '127.0.0.1');
    silent.on('error', () => {});
    await new Promise((resolve) => silent.once('connect', resolve));
    await until('it is there', () => new Promise((done) => setTimeout(() => done(true), 50)));
    await receiver.listener.close(true);
  });

  test('a TLS client on the plain port is refused by protocol, quickly', async () => {
    await start({ tls: undefined });
    expect((await echoscu(...as(ct1))).status).not.toBe(0);
    expect(receiver.failures).toContain('RAUNET_DICOM_PROTOCOL');
    await nothingLeft();
  });

  test('TLS 1.1 and suites without forward secrecy or authenticated encryption are refused', async () => {
    // An RSA key: with another one RSA key transport could not be taken anyway.
    await start({ tls: { ...selfSigned(folder, 'rsa', 'rsa'), ca: ours.ca } });
    const [cert, key] = [readFileSync(ct1.certificate), readFileSync(ct1.key)];
    /** The protocol of a handshake with no more than this. At security level 0 the client itself would take each. */
    const handshake = async (maxVersion: SecureVersion, suite: string): Promise<string | null> => {
      const ciphers = `${suite}:@SECLEVEL=0`;
      const to = {
        host: '127.0.0.1',
        port: receiver.port,
        rejectUnauthorized: false,
        minVersion: 'TLSv1',
      } as const;
      const socket = connectTls({ ...to, cert, key, maxVersion, ciphers });
      await once(socket, 'secureConnect');
      const protocol = socket.getProtocol();
      socket.destroy();
      return protocol;
    };
    await expect(handshake('TLSv1.1', 'DEFAULT')).rejects.toThrow('alert protocol version');
    expect(await handshake('TLSv1.2', 'ECDHE-RSA-AES128-GCM-SHA256')).toBe('TLSv1.2');
    for (const suite of ['AES128-SHA', 'AES128-GCM-SHA256', 'ECDHE-RSA-AES128-SHA'])
      await expect(handshake('TLSv1.2', suite)).rejects.toThrow('alert handshake failure');
  });

  test.each([
    ['ct1.example', 0],
    ['CT1.Example', 0],
    ['ct2.example', 1],
  ])(
    'an AE title bound to %s is that of the certificate, or the association is rejected',
    async (certificate, status) => {
      await start({ allow: [{ callingAe: 'CT1', addresses: [], certificate }] });
      expect((await echoscu(...as(ct1))).status).toBe(status);
      expect(receiver.rejections).toEqual(
        status === 0 ? [] : ['calling AE title, address or certificate not allowed'],
      );
    },
  );
});

describe('renewal without a restart', () => {
  test('new associations see the new certificate, one that is open goes on; a broken file changes nothing', async () => {
    const files = { certificate: join(folder, 'live.crt'), key: join(folder, 'live.key') };
    const put = (from: { certificate: string; key: string }) => {
      copyFileSync(from.key, files.key);
      copyFileSync(from.certificate, files.certificate);
    };
    put(ours.issue('first.example'));
    const receiver = await startReceiver({
      config: { tls: files },
      certificateLookMs: 50,
    });
    try {
      const handshake = async () => {
        const socket = connectTls({ port: receiver.port, host: '127.0.0.1', rejectUnauthorized: false });
        await new Promise((resolve) => socket.once('secureConnect', resolve));
        return socket;
      };
      const subject = async () => {
        const socket = await handshake();
        const { CN } = socket.getPeerCertificate().subject;
        socket.destroy();
        return CN;
      };
      const open = await handshake();
      const peer = ScriptedPeer.over(open);
      await peer.associate();
      expect(await subject()).toBe('first.example');
      put(ours.issue('second.example'));
      await until('the new one is shown', async () => (await subject()) === 'second.example');
      writeFileSync(files.certificate, 'half a certificate');
      await until('it is told', () =>
        receiver.lines.some(({ error }) => (error as RaunetError)?.code === 'RAUNET_CERTIFICATE'),
      );
      expect(await subject()).toBe('second.example');
      peer.send(RELEASE_RQ);
      expect((await peer.next())!.type).toBe(6);
      peer.destroy();
    } finally {
      await receiver.stop();
    }
  });
});

describe('towards a destination', () => {
  const deps = { ourAe: 'RAUNET', log: silentLog };
  let child: ChildProcess;
  let port: number;
  const storescp = async (...options: string[]) => {
    port = await freePort();
    child = spawn('storescp', ['--ignore', ...options, String(port)], {
      env: { ...process.env, TCP_NODELAY: '1' },
      stdio: 'ignore',
    });
    await until('storescp listens', () => {
      const socket = connect(port, '127.0.0.1');
      return new Promise<boolean>((resolve) => {
        socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
      }).finally(() => socket.destroy());
    });
  };
  afterEach(async () => {
    const exit = new Promise((done) => child.once('exit', done));
    if (child.kill()) await exit;
  });
  const codeOf = (tls: object) =>
    echo(destinationAt(port, { tls }), deps).then(
      () => 'ok',
      (error: RaunetError) => error.code,
    );

  test('objects go over TLS with our certificate to a destination with one of our authority', async () => {
    const pacs = ours.issue('pacs.example');
    await storescp('+tls', pacs.key, pacs.certificate, '+cf', ours.ca);
    const files = filesForDelivery();
    const tls = { ...ct1, ca: ours.ca };
    const outcomes = await sendAll(
      destinationAt(port, { tls }),
      [files.make('segmentation', { pixelBytes: 3_000_000 }), files.make('comprehensiveSr')],
      deps,
    );
    files.remove();
    expect(outcomes.map(({ status, error }) => [status, error])).toEqual([
      [0, null],
      [0, null],
    ]);
    expect(await codeOf({ ...tls, serverName: 'pacs.example' })).toBe('ok');
    // Not its name, not our authority, no certificate, one of another authority, expired, not there.
    expect(await codeOf({ ...tls, serverName: 'other.example' })).toBe('RAUNET_TLS');
    expect(await codeOf({ ...tls, ca: others.ca })).toBe('RAUNET_TLS');
    expect(await codeOf({ ca: ours.ca })).toBe('RAUNET_TLS');
    expect(await codeOf({ ...others.issue('stranger.example'), ca: ours.ca })).toBe('RAUNET_TLS');
    expect(await codeOf({ ...ours.issue('late.example', -1), ca: ours.ca })).toBe(
      'RAUNET_CERTIFICATE_EXPIRED',
    );
    expect(await codeOf({ ...ct1, ca: join(folder, 'nowhere.pem') })).toBe('RAUNET_CERTIFICATE');
  });

  test('a destination whose certificate has expired, or that speaks no TLS, is a coded error', async () => {
    const old = ours.issue('old-pacs.example', -1);
    await storescp('+tls', old.key, old.certificate, '-ic');
    expect(await codeOf({ ca: ours.ca })).toBe('RAUNET_TLS');
    child.kill();
    await storescp();
    expect(await codeOf({ ca: ours.ca })).toBe('RAUNET_TLS');
  });
});

test('an expired, missing or soon ending certificate of ours is told with its end', async () => {
  const config = (certificate: string) =>
    configSchema.parse({ association: { tls: { certificate, key: 'x' } } });
  const find = async (certificate: string) =>
    (await certificateFindings(config(certificate), new Date()))[0]!;
  expect(await find(server.certificate)).toMatchObject({ usable: true, endsSoon: false });
  expect(await find(ours.issue('soon.example', 5).certificate)).toMatchObject({
    usable: true,
    endsSoon: true,
  });
  const expired = await find(ours.issue('gone.example', -1).certificate);
  expect(expired).toMatchObject({ usable: false, required: true });
  expect(expired.sentence).toContain('RAUNET_CERTIFICATE_EXPIRED');
  expect(await find(join(folder, 'nowhere.pem'))).toMatchObject({ usable: false });
});
