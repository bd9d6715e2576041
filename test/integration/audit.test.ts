import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AuditTrail, openAudit } from '../../src/audit/open';
import { configSchema } from '../../src/config/schema';
import type { CertificateFiles } from '../../src/lib/certificate';
import { silentLog } from '../../src/lib/log';
import { type Authority, authority } from '../fixtures/certificates';
import { type Rsyslog, rsyslog } from '../fixtures/rsyslog';
import { until } from '../fixtures/until';

// The audit trail at a real rsyslog over mutual TLS (RFC 5425), with its own reading of frames and headers.

const folder = mkdtempSync(join(tmpdir(), 'raunet-rsyslog-'));
let ours: Authority;
let client: CertificateFiles;
let server: Rsyslog;

beforeAll(async () => {
  ours = authority(folder, 'audit-ca');
  client = ours.issue('raunet.example');
  server = await rsyslog(folder, ours.issue('syslog.example'), ours.ca, 'raunet.example');
});
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const open = (tls: Partial<CertificateFiles>): Promise<AuditTrail> =>
  openAudit({
    dataDir: folder,
    config: configSchema.parse({
      audit: { name: 'us', syslog: { host: '127.0.0.1', port: server.port, ca: ours.ca, ...tls } },
    }),
    sourceId: 'i',
    log: silentLog,
  });
const written = (): string[] => {
  const own = join(folder, 'audit', 'us');
  const files = readdirSync(own).filter((name) => name.endsWith('.log'));
  return files.flatMap((name) => readFileSync(join(own, name), 'utf8').split('\n').filter(Boolean));
};
const tell = (trail: AuditTrail, from: number, to: number): void => {
  for (let n = from; n < to; n++) trail.audit({ kind: 'erased', studyUid: `1.2.${n}` });
};

test('rsyslog holds every message byte for byte, also those told while it was down; who shows no certificate is told so', async () => {
  const stranger = await open({});
  await server.start();
  tell(stranger, 0, 20);
  await until('it is told', () => stranger.failures()[0]?.code === 'RAUNET_AUDIT_SYSLOG');
  await stranger.close();
  expect(server.messages()).toEqual([]);

  const trail = await open(client);
  tell(trail, 20, 40);
  const held = () => new Set(server.messages());
  await until('what waited has come', () => written().every((line) => held().has(line)));
  await server.stop();
  tell(trail, 40, 60);
  await server.start();
  await until('the rest has come', () => written().every((line) => held().has(line)));
  expect(trail.failures()).toEqual([]);
  await trail.close();
  await until('the stop has come', () => held().size === written().length);
  expect(held()).toEqual(new Set(written()));
}, 120_000);
