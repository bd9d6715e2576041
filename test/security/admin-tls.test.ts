import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions, type DetailedPeerCertificate } from 'node:tls';
import { EXIT } from '../../src/cli/exit-codes';
import { health } from '../../src/cli/health';
import type { Admin } from '../../src/admin/server';
import { type CertificateFiles, readKeyPair, watchKeyPair } from '../../src/lib/certificate';
import { silentLog } from '../../src/lib/log';
import { type AdminRig, startAdminRig } from '../fixtures/admin';
import { selfSigned } from '../fixtures/certificates';
import { until } from '../fixtures/until';

// HTTPS of the admin pages, with certificates of openssl.

const folder = mkdtempSync(join(tmpdir(), 'raunet-tls-'));
// RSA keys: with others the suites of `weakSuitesRefused` could not be taken anyway.
const tls: CertificateFiles = selfSigned(folder, 'first', 'rsa');
const second = selfSigned(folder, 'second', 'rsa');
let rig: AdminRig;
let admin: Admin;

beforeAll(async () => {
  rig = await startAdminRig();
  admin = await rig.start({ authentication: 'required', tls });
});
afterAll(async () => {
  await rig?.stop();
  rmSync(folder, { recursive: true });
});

const ca = (): Buffer[] => [readFileSync(tls.certificate), readFileSync(second.certificate)];

const get = (path: string, token: string) =>
  new Promise<{ status: number; hsts: string | undefined }>((resolve, reject) => {
    const headers = { Authorization: `Bearer ${token}` };
    request({ host: 'localhost', port: admin.port, path, headers, ca: ca(), agent: false }, (response) => {
      response.resume();
      resolve({
        status: response.statusCode!,
        hsts: response.headers['strict-transport-security'],
      });
    })
      .on('error', reject)
      .end();
  });

/** Resolves to the certificate's name, rejects where there is no handshake. */
const handshake = (wanted: Pick<ConnectionOptions, 'minVersion' | 'maxVersion' | 'ciphers'> = {}) =>
  new Promise<string>((resolve, reject) => {
    // At security level 0 the client itself would talk TLS 1.1.
    const options = {
      host: '127.0.0.1',
      port: admin.port,
      ca: ca(),
      ciphers: 'DEFAULT@SECLEVEL=0',
      ...wanted,
    };
    const socket = connect(options, () => {
      const { subject } = socket.getPeerCertificate() as DetailedPeerCertificate;
      socket.destroy();
      resolve(subject.CN as string);
    }).on('error', reject);
  });

test('`raunet health`, which probes call, finds TLS in the configuration and needs no name in the certificate and no token', async () => {
  const lines: string[] = [];
  const ask = (config: Partial<Parameters<typeof health>[0]>, ready = false) =>
    health({ host: '0.0.0.0', port: admin.port, tls, ...config }, { ready }, (line) => lines.push(line));
  expect(await ask({})).toBe(EXIT.ok);
  expect(await ask({}, true)).toBe(EXIT.ok);
  expect(lines.map((line) => JSON.parse(line).status)).toEqual(['live', 'ready']);
  expect(await ask({ tls: undefined })).toBe(EXIT.failed);
  expect(lines.at(-1)).toContain(`http://127.0.0.1:${admin.port}/health does not answer`);
});

test('a client that knows the authority reads with its token; the browser is told to stay with https', async () => {
  const { status, hsts } = await get('/api/summary', rig.tokens.viewer);
  expect([status, hsts]).toEqual([200, 'max-age=31536000']);
});

test('plain http gets no answer, TLS 1.1 no handshake, TLS 1.2 one', async () => {
  await expect(fetch(`http://127.0.0.1:${admin.port}/health`)).rejects.toThrow();
  await expect(handshake({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1' })).rejects.toThrow();
  expect(await handshake({ maxVersion: 'TLSv1.2' })).toBe('first');
});

/** RFC 9325 4.1: suites with RSA key transport or CBC. */
async function weakSuitesRefused(): Promise<void> {
  for (const suite of ['AES128-SHA', 'AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'ECDHE-RSA-AES128-SHA'])
    await expect(handshake({ maxVersion: 'TLSv1.2', ciphers: `${suite}:@SECLEVEL=0` })).rejects.toMatchObject(
      { code: 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE' },
    );
}

test('TLS 1.2 suites without forward secrecy or authenticated encryption are refused', async () => {
  expect(await handshake({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' })).toBe('first');
  await weakSuitesRefused();
});

test('a certificate whose key is another one is refused at the start with RAUNET_CERTIFICATE and both files', async () => {
  const wrong = { certificate: tls.certificate, key: second.key };
  await expect(rig.start({ authentication: 'required', tls: wrong })).rejects.toMatchObject({
    code: 'RAUNET_CERTIFICATE',
    message: expect.stringContaining(second.key),
  });
  await expect(readKeyPair({ ...tls, key: join(folder, 'nothing') })).rejects.toMatchObject({
    code: 'RAUNET_CERTIFICATE',
  });
});

test('a new pair of files is taken up without a restart; half of one is told, and the old one stays', async () => {
  const files = { certificate: join(folder, 'live.crt'), key: join(folder, 'live.key') };
  const put = ({ certificate, key }: CertificateFiles) => {
    copyFileSync(certificate, files.certificate);
    copyFileSync(key, files.key);
  };
  put(tls);
  const [used, told]: [string[], string[]] = [[], []];
  const log = { ...silentLog, error: (message: string) => void told.push(message) };
  const end = watchKeyPair(
    files,
    await readKeyPair(files),
    ({ cert }) => void used.push(cert.toString()),
    log,
    20,
  );
  try {
    copyFileSync(second.certificate, files.certificate);
    await until('it is told', () => told.length > 0, 10);
    expect(used).toEqual([]);
    writeFileSync(files.certificate, 'nothing');
    put(second);
    await until('the new one is used', () => used.length > 0, 10);
    expect([used, told.length]).toEqual([[readFileSync(second.certificate, 'utf8')], 1]);
  } finally {
    end();
  }
});

test('connections from then on see the new certificate, and no other suites', async () => {
  expect(await handshake()).toBe('first');
  copyFileSync(second.certificate, tls.certificate);
  copyFileSync(second.key, tls.key);
  await until('the new one is seen', async () => (await handshake()) === 'second', 45);
  await weakSuitesRefused();
}, 60_000);
