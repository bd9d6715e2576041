import fc from 'fast-check';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, unlink } from 'node:fs/promises';
import { mkdtempSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { readFileSync } from 'node:fs';
import { openForward } from '../../src/audit/forward';
import { auditMessage } from '../../src/audit/message';
import { type AuditTrail, openAudit } from '../../src/audit/open';
import { auditFileOf, openTrail } from '../../src/audit/trail';
import type { AuditEvent } from '../../src/audit/types';
import { configSchema } from '../../src/config/schema';
import { silentLog } from '../../src/lib/log';
import type { Element } from '@xmldom/xmldom';
import { codesOf, one, parseAudit, schemaProblems } from '../fixtures/audit-schema';
import { type Authority, authority } from '../fixtures/certificates';
import { dataSet } from '../fixtures/data-set';
import { freePort } from '../fixtures/ports';
import { cStore, ScriptedPeer } from '../fixtures/scripted-peer';
import { startService } from '../fixtures/service';
import { until } from '../fixtures/until';

// The audit trail: PS3.15 A.5 in files and over syslog/TLS (RFC 5424, RFC 5425).

const peer = { aeTitle: 'CT1', address: '10.0.0.7' };
const study = { studyUid: '1.2.3', sopClasses: { '1.2.840.10008.5.1.4.1.1.2': 300 } };
const EVENTS: [string, AuditEvent][] = [
  ['110100 110120', { kind: 'started' }],
  ['110100 110121', { kind: 'stopped' }],
  ['110102', { kind: 'transfer begins', direction: 'received', peer, study }],
  ['110104', { kind: 'transferred', direction: 'received', peer, study, failure: null }],
  [
    '110104',
    {
      kind: 'transferred',
      direction: 'sent',
      peer: { aeTitle: 'PACS', address: 'pacs.example' },
      study,
      failure: 'RAUNET_STORE_REFUSED',
    },
  ],
  [
    '110112',
    {
      kind: 'queried',
      peer,
      seriesUid: '1.2.3.4',
      sopClassUid: '1.2.840.10008.5.1.4.1.2.2.1',
      failure: null,
    },
  ],
  [
    '110113 110126',
    { kind: 'refused', peer: { aeTitle: '', address: '10.6.6.6' }, reason: 'RAUNET_TLS_REFUSED' },
  ],
  [
    'operator-action retry',
    { kind: 'operated', action: 'retry', user: 'alice', seriesUid: '1.2.3.4', failure: null },
  ],
  [
    'operator-action cancel',
    { kind: 'operated', action: 'cancel', user: 'bob', seriesUid: '1.2.3.4', failure: 'RAUNET_STATE' },
  ],
  [
    'operator-action priority',
    { kind: 'operated', action: 'priority', user: 'bob', seriesUid: '1.2.3.4', failure: null },
  ],
  ['110105', { kind: 'erased', studyUid: '1.2.3' }],
  ['110114 110122', { kind: 'signed in', user: 'anna', address: '10.0.0.8', failure: null }],
  ['110114 110122', { kind: 'signed in', user: null, address: '::1', failure: 'RAUNET_SIGN_IN: why' }],
  ['110114 110123', { kind: 'signed out', user: 'anna', address: '10.0.0.8', failure: null }],
  [
    '110113 110132',
    { kind: 'denied', user: 'vera', address: '10.0.0.8', target: '/api/tokens', reason: 'RAUNET_FORBIDDEN' },
  ],
  [
    '110113 110137',
    {
      kind: 'token changed',
      at: new Date('2026-11-24T11:59:58.000Z'),
      action: 'created',
      token: 'prometheus',
      role: 'viewer',
      user: 'root by raunet token',
      address: 'raunet.example',
    },
  ],
];
const source = { sourceId: 'install-1', aeTitle: 'RAUNET', host: 'raunet.example', processId: 42 };
const at = new Date('2026-11-24T12:00:00.123Z');

describe('the message', () => {
  test.each(EVENTS)('%s fits the schema', (codes, event) => {
    const xml = auditMessage(event, at, source);
    const root = parseAudit(xml);
    expect(schemaProblems(root)).toEqual([]);
    expect(codesOf(root)).toBe(codes);
    expect(xml).not.toContain('\n');
    const failed = 'failure' in event ? event.failure !== null : 'reason' in event;
    expect(one(root, 'EventIdentification').getAttribute('EventOutcomeIndicator')).toBe(failed ? '4' : '0');
  });

  test('of a transfer: who sent, who received, the study and how many of which class', () => {
    const root = parseAudit(auditMessage(EVENTS[3]![1], at, source));
    const participants = Array.from(root.getElementsByTagName('ActiveParticipant')).map((each) => [
      each.getAttribute('AlternativeUserID'),
      each.getAttribute('UserIsRequestor'),
      each.getAttribute('NetworkAccessPointID'),
      one(each, 'RoleIDCode').getAttribute('csd-code'),
    ]);
    expect(participants).toEqual([
      ['AETITLES=CT1', 'true', '10.0.0.7', '110153'],
      ['AETITLES=RAUNET', 'false', 'raunet.example', '110152'],
    ]);
    expect(one(root, 'ParticipantObjectIdentification').getAttribute('ParticipantObjectID')).toBe('1.2.3');
    expect(one(root, 'SOPClass').getAttribute('NumberOfInstances')).toBe('300');
    expect(one(root, 'EventIdentification').getAttribute('EventDateTime')).toBe('2026-11-24T12:00:00.123Z');
  });

  const rows = (root: Element): (string | null)[][] =>
    Array.from(root.getElementsByTagName('ActiveParticipant')).map((each) =>
      ['UserID', 'UserIsRequestor', 'NetworkAccessPointID', 'NetworkAccessPointTypeCode'].map((name) =>
        each.getAttribute(name),
      ),
    );

  test('of a sign-in: the person and the address, by which one who gave no name is called (A.5.3.12)', () => {
    const of = (user: string | null, failure: string | null) =>
      parseAudit(auditMessage({ kind: 'signed in', user, address: '10.0.0.8', failure }, at, source));
    const us = ['42', 'false', 'raunet.example', '1'];
    expect(rows(of('anna', null))).toEqual([['anna', 'true', '10.0.0.8', '2'], us]);
    const refused = of(null, 'RAUNET_SIGN_IN: eve has no role');
    expect(rows(refused)).toEqual([['10.0.0.8', 'true', '10.0.0.8', '2'], us]);
    expect(one(refused, 'EventOutcomeDescription').textContent).toBe('RAUNET_SIGN_IN: eve has no role');
  });

  test('of a security alert: we report, whoever did it is no requestor (A.5.3.11); of a token when, which and what', () => {
    for (const [codes, event] of EVENTS.filter(([codes]) => codes.startsWith('110113'))) {
      const requestors = rows(parseAudit(auditMessage(event, at, source))).map(([, flag]) => flag);
      expect([codes, ...requestors]).toEqual([codes, 'true', 'false']);
    }
    const root = parseAudit(auditMessage(EVENTS.at(-1)![1], at, source));
    expect(one(root, 'EventIdentification').getAttribute('EventDateTime')).toBe('2026-11-24T11:59:58.000Z');
    expect(one(root, 'ParticipantObjectIdentification').getAttribute('ParticipantObjectID')).toBe(
      '/api/tokens/prometheus',
    );
    const text = one(root, 'ParticipantObjectDetail').getAttribute('value')!;
    expect(Buffer.from(text, 'base64').toString()).toBe('Token prometheus with the role viewer was created.');
  });

  test('whatever a peer calls itself comes out of a parser as it was, or as a question mark, on one line', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (reason) => {
        const xml = auditMessage(
          { kind: 'refused', peer: { aeTitle: reason, address: 'a' }, reason },
          at,
          source,
        );
        expect(xml).not.toMatch(/[\n\r]/);
        const clean = Buffer.from(reason)
          .toString()
          // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 2.2
          .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffd\ufffe\uffff]/g, '?');
        expect(one(parseAudit(xml), 'EventOutcomeDescription').textContent).toBe(clean);
      }),
    );
  });
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'raunet-audit-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Lines of all files, the header of RFC 5424 taken off. */
async function told(dir: string): Promise<string[]> {
  const names = (await readdir(dir)).filter((name) => name.endsWith('.log')).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(dir, name), 'utf8')));
  return texts.join('').split('\n').filter(Boolean);
}
const RFC5424 =
  /^<85>1 \d{4}-\d\d-\d\dT[\d:.]+Z [\x21-\x7e]+ raunet \d+ DICOM\+RFC3881 \[meta sequenceId="\d+"\] \ufeff<\?xml/;
const codes = (line: string): string => codesOf(parseAudit(line.slice(line.indexOf('<?xml'))));

describe('the file', () => {
  const open = (audit: object = {}): Promise<AuditTrail> =>
    openAudit({
      dataDir: folder,
      config: configSchema.parse({ audit: { name: 'us', ...audit } }),
      sourceId: 'i',
      log: silentLog,
    });

  test('holds each event in order, one RFC 5424 message a line, closed to others', async () => {
    const trail = await open();
    for (const [, event] of EVENTS.slice(2)) trail.audit(event);
    await trail.close();
    const lines = await told(join(folder, 'audit', 'us'));
    for (const line of lines) expect(line).toMatch(RFC5424);
    expect(lines.map(codes)).toEqual([
      '110100 110120',
      ...EVENTS.slice(2).map(([expected]) => expected),
      '110100 110121',
    ]);
    const file = await stat(join(folder, 'audit', 'us', auditFileOf(new Date())));
    expect((file.mode & 0o777).toString(8)).toBe('600');
    expect(((await stat(join(folder, 'audit', 'us'))).mode & 0o777).toString(8)).toBe('700');
  });

  test('a disk that is full is told by code, and what waited is written when there is space', async () => {
    await mkdir(join(folder, 'audit', 'us'), { recursive: true });
    const name = join(folder, 'audit', 'us', auditFileOf(new Date()));
    await symlink('/dev/full', name);
    const trail = await open();
    expect(trail.failures().map(({ code }) => code)).toEqual(['RAUNET_AUDIT']);
    trail.audit({ kind: 'erased', studyUid: '1.2.3' });
    await unlink(name);
    await until('it is written', () => trail.failures().length === 0);
    await trail.close();
    expect((await told(join(folder, 'audit', 'us'))).map(codes)).toEqual([
      '110100 110120',
      '110105',
      '110100 110121',
    ]);
  });

  test('files past their days are removed, those that are still to be sent are not', async () => {
    const old = ['audit-2020-01-01.log', 'audit-2020-01-02.log'];
    for (const name of old) await symlink('/dev/null', join(folder, name));
    const deps = { folder, keepDays: 30, written: () => {}, log: silentLog };
    const trail = await openTrail({ ...deps, isSent: (name) => name === old[0] });
    trail.append('x');
    await trail.close();
    expect(await readdir(folder)).toEqual([old[1], auditFileOf(new Date())].sort());
  });
});

describe('syslog over TLS', () => {
  const certificates = mkdtempSync(join(tmpdir(), 'raunet-audit-ca-'));
  let ours: Authority;
  let pair: { certificate: string; key: string };
  beforeAll(() => {
    ours = authority(certificates, 'audit-ca');
    pair = ours.issue('syslog.example');
  });
  afterAll(() => rmSync(certificates, { recursive: true }));

  interface Receiver {
    port: number;
    messages: string[];
    /** Ends every connection. */
    cut(): void;
    close(): Promise<void>;
  }
  /** RFC 5425 4.3: MSG-LEN SP SYSLOG-MSG, one after the other. */
  async function receiver(port = 0): Promise<Receiver> {
    const messages: string[] = [];
    const sockets = new Set<TLSSocket>();
    const tls = {
      cert: readFileSync(pair.certificate),
      key: readFileSync(pair.key),
      minVersion: 'TLSv1.2',
    } as const;
    const server: Server = createServer(tls, (socket) => {
      sockets.add(socket);
      let held = Buffer.alloc(0);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
      socket.on('data', (chunk) => {
        held = Buffer.concat([held, chunk]);
        for (;;) {
          const space = held.indexOf(' ');
          const length = Number(held.toString('latin1', 0, space));
          if (space < 0 || held.length < space + 1 + length) return;
          messages.push(held.toString('utf8', space + 1, space + 1 + length));
          held = held.subarray(space + 1 + length);
        }
      });
    });
    await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
    const cut = () => {
      for (const socket of sockets) socket.destroy();
    };
    return {
      port: (server.address() as { port: number }).port,
      messages,
      cut,
      async close() {
        cut();
        await new Promise((done) => server.close(done));
      },
    };
  }
  const open = (port: number, ca = ours.ca) =>
    openAudit({
      dataDir: folder,
      config: configSchema.parse({ audit: { name: 'us', syslog: { host: '127.0.0.1', port, ca } } }),
      sourceId: 'i',
      log: silentLog,
    });
  const erased = (trail: AuditTrail, n: number) => trail.audit({ kind: 'erased', studyUid: `1.2.${n}` });
  const studies = (messages: string[]) =>
    new Set(messages.flatMap((message) => /ParticipantObjectID="1\.2\.(\d+)"/.exec(message)?.[1] ?? []));

  test('the server gets what the file holds, whole and in order, the stop too; another start sends nothing again', async () => {
    const syslog = await receiver();
    const trail = await open(syslog.port);
    for (const [, event] of EVENTS.slice(2)) trail.audit(event);
    await trail.close();
    expect(syslog.messages).toEqual(await told(join(folder, 'audit', 'us')));
    const before = syslog.messages.length;
    await (await open(syslog.port)).close();
    expect(syslog.messages.slice(before).map(codes)).toEqual(['110100 110120', '110100 110121']);
    await syslog.close();
  });

  test('connections that break: every message arrives, some twice, each with its sequence number', async () => {
    const syslog = await receiver();
    const trail = await open(syslog.port);
    for (let n = 0; n < 300; n++) {
      erased(trail, n);
      if (n % 100 === 50) {
        await until('some came', () => studies(syslog.messages).size > n - 40);
        syslog.cut();
      }
    }
    await until('all came', () => studies(syslog.messages).size === 300);
    const lines = await told(join(folder, 'audit', 'us'));
    expect(new Set(syslog.messages)).toEqual(new Set(lines));
    await trail.close();
    await syslog.close();
  });

  test('a server that is away, across a restart of ours: told by code, and sent when it is there', async () => {
    const port = await freePort();
    const first = await open(port);
    erased(first, 1);
    await until('it is told', () => first.failures()[0]?.code === 'RAUNET_AUDIT_SYSLOG');
    await first.close();
    const syslog = await receiver(port);
    const second = await open(port);
    await until('it came', () => studies(syslog.messages).has('1'));
    expect(second.failures()).toEqual([]);
    await second.close();
    expect(new Set(syslog.messages)).toEqual(new Set(await told(join(folder, 'audit', 'us'))));
    await syslog.close();
  });

  test('a server of another authority gets nothing', async () => {
    const syslog = await receiver();
    const others = authority(certificates, 'others-ca');
    const forward = await openForward({
      folder,
      config: { host: '127.0.0.1', port: syslog.port, ca: others.ca },
      log: silentLog,
    });
    await until('it is told', () => forward.failure()?.code === 'RAUNET_AUDIT_SYSLOG');
    await forward.close();
    expect(syslog.messages).toEqual([]);
    await syslog.close();
  });
});

test('the service tells of start, transfer, stranger, operator, token and stop, and names no patient', async () => {
  const service = await startService({ dicomPort: await freePort(), pacsPort: await freePort() });
  try {
    const sender = await ScriptedPeer.associated(service.dicomPort, { callingAe: 'CT1' });
    sender.send(
      cStore('1.2.3.9', dataSet({ sopInstanceUid: '1.2.3.9', seriesUid: '1.2.3.8', studyUid: '1.2.3.7' })),
    );
    expect(await sender.response()).toMatchObject({ status: 0 });
    await sender.release();
    await expect(ScriptedPeer.associated(service.dicomPort, { calledAe: 'OTHER' })).rejects.toThrow(
      'not accepted',
    );
    const cancel = await fetch(`http://127.0.0.1:${service.adminPort}/api/series/1.2.3.8/priority`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ priority: 'stat' }),
    });
    expect(cancel.status).toBe(200);
    const token = await fetch(`http://127.0.0.1:${service.adminPort}/api/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'prometheus', role: 'viewer' }),
    });
    expect(token.status).toBe(201);
    await service.stop();
    const lines = await told(join(service.dataDir, 'audit', `${hostname()}-${service.adminPort}`));
    for (const line of lines)
      expect(schemaProblems(parseAudit(line.slice(line.indexOf('<?xml'))))).toEqual([]);
    expect(lines.map(codes)).toEqual([
      '110100 110120',
      '110102',
      '110104',
      '110113 110126',
      'operator-action priority',
      '110113 110137',
      '110100 110121',
    ]);
    expect(lines.join('')).toContain('ParticipantObjectID="1.2.3.7"');
    expect(lines.join('')).not.toContain('Synthetic');
  } finally {
    await service.dispose();
  }
}, 120_000);
