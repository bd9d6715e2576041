import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { jsonSchema } from '../../../src/config/json-schema';
import { loadConfig } from '../../../src/config/load';
import { configSchema } from '../../../src/config/schema';

const folder = mkdtempSync(join(tmpdir(), 'raunet-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
}

const written = (text: string): string => {
  const file = join(folder, 'raunet.yaml');
  writeFileSync(file, text);
  return file;
};
const refusal = (text: string, environment = {}): string => {
  try {
    loadConfig(written(text), environment);
  } catch (error) {
    expect(error).toMatchObject({ code: 'RAUNET_CONFIG' });
    return (error as Error).message;
  }
  throw new Error('the configuration was accepted');
};

test('conf/raunet.yaml documents exactly the defaults of the code', () => {
  expect(loadConfig('conf/raunet.yaml')).toEqual(configSchema.parse({}));
});

test('every key of the code stands in conf/raunet.yaml, commented out where it has no default', () => {
  const text = readFileSync('conf/raunet.yaml', 'utf8');
  const schema = JSON.parse(readFileSync('conf/raunet.schema.json', 'utf8')) as JsonSchema;
  const keys = ({ properties = {}, items = {} }: JsonSchema): string[] => [
    ...Object.entries(properties).flatMap(([key, value]) => [key, ...keys(value)]),
    ...(Object.keys(items).length > 0 ? keys(items) : []),
  ];
  for (const key of keys(schema)) expect(text).toMatch(new RegExp(`\\b${key}:`));
});

test('every key of conf/raunet.yaml has a comment above it', () => {
  const undocumented: string[] = [];
  let comment = false;
  for (const line of readFileSync('conf/raunet.yaml', 'utf8').split('\n')) {
    if (/^ +\w+:/.test(line) && !comment) undocumented.push(line);
    comment = /^\s*#/.test(line);
  }
  expect(undocumented).toEqual([]);
  expect(parseDocument(readFileSync('conf/raunet.yaml', 'utf8')).errors).toEqual([]);
});

test('unknown keys, wrong types and impossible combinations are reported together, each with its line', () => {
  const message = refusal(
    'asociation: {}\nassociation:\n  port: many\n  aeTitle: A_TITLE_THAT_IS_TOO_LONG\nlog:\n  colour: red\n',
  );
  expect(message).toContain('line 1, asociation: unknown key');
  expect(message).toMatch(/line 3, association\.port: .*number/);
  expect(message).toMatch(/line 4, association\.aeTitle: an AE title has 1 to 16/);
  expect(message).toContain('line 6, log.colour: unknown key');
});

test('"for ever" has an end: what a timer or the calendar cannot hold is refused, not turned into its opposite', () => {
  const message = refusal(
    'association:\n  idleSeconds: 9999999\naudit:\n  keepDays: 999999999\nmaintenance:\n  retentionDays: 1e12\n',
  );
  expect(message).toMatch(/line 2, association\.idleSeconds: .*<=2000000/);
  expect(message).toMatch(/line 4, audit\.keepDays: .*<=36500/);
  expect(message).toMatch(/line 6, maintenance\.retentionDays: .*<=36500/);
  const longest = 'association: {idleSeconds: 2000000}\naudit: {keepDays: 36500}';
  const { association, audit } = loadConfig(written(longest));
  expect(association.idleSeconds * 1000).toBeLessThan(2 ** 31);
  expect(new Date(Date.now() - audit.keepDays * 86_400_000).getUTCFullYear()).toBeGreaterThan(1900);
});

test('combinations: unknown destination, listening abroad without allow-list, bad expression, admin abroad, one port twice', () => {
  const message = refusal(
    [
      'association: {host: 0.0.0.0, port: 8080}',
      'admin:',
      '  host: 0.0.0.0',
      'series:',
      '  queryDestination: archive',
      '  rules: [{name: a, kernel: "("}]',
      'delivery:',
      '  rules: [{to: [nowhere]}]',
      'maintenance: {echoCron: every minute}',
    ].join('\n'),
  );
  for (const part of [
    'association.host: listening on 0.0.0.0 needs association.allow',
    'line 3, admin.host: listening on 0.0.0.0 needs authentication: required',
    'line 3, admin.host: listening on 0.0.0.0 needs tls',
    'admin.port: is the DICOM port too',
    'line 5, series.queryDestination: no destination is called "archive"',
    'is not a regular expression',
    'no destination is called "nowhere"',
    'maintenance.echoCron: "every minute" is no cron expression',
  ])
    expect(message).toContain(part);
});

test('admin pages: no sign-in without authentication and a way back, nothing over plain http but on loopback, nobody without a role', () => {
  const message = refusal(
    [
      'admin:',
      '  publicUrl: http://raunet.example',
      '  oidc:',
      '    issuer: http://id.example',
      '    clientId: raunet',
    ].join('\n'),
  );
  for (const part of [
    'line 2, admin.publicUrl: has to be https',
    'line 4, admin.oidc: needs authentication: required',
    'line 4, admin.oidc.issuer: has to be https',
    'admin.oidc.roles: gives nobody a role',
  ])
    expect(message).toContain(part);
  const open = 'admin: {host: 0.0.0.0, authentication: required, publicUrl: https://raunet.example/}';
  expect(loadConfig(written(open)).admin.publicUrl).toBe('https://raunet.example');
  expect(refusal('admin: {publicUrl: "https://raunet.example/raunet"}')).toContain(
    'scheme, host and port only',
  );
});

test('storage commitment: a report on an association of its own has to get in, by sender, called AE title and address', () => {
  const configured = (association: string, destination: string, roles = '') =>
    `${roles}association: {${association}}\ndelivery:\n  destinations:\n    - {name: pacs, aeTitle: PACS, port: 104, commitment: {}, ${destination}}`;
  const abroad = 'host: 0.0.0.0, allow: [{callingAe: PACS}]';
  const own = 'host: pacs.example, callingAe: RAUNET_OUT';
  const line =
    'line 4, delivery.destinations.0.commitment: its reports may come on an association of their own: ';
  expect(refusal(configured('host: 0.0.0.0, allow: [{callingAe: CT1}]', 'host: pacs.example'))).toContain(
    `${line}add PACS to association.allow`,
  );
  expect(refusal(configured(abroad, own))).toContain(
    `${line}add its callingAe RAUNET_OUT to association.aliases`,
  );
  expect(refusal(configured('', 'host: pacs.example'))).toContain(
    `${line}listen where pacs.example can reach us, association.host is 127.0.0.1`,
  );
  for (const text of [
    configured(`${abroad}, aliases: [RAUNET_OUT]`, own),
    configured(`${abroad}, aeTitle: RAUNET_OUT`, own),
    configured('', 'host: 127.0.0.1'),
    // Reports come to the processes that receive.
    configured('', own, 'roles: [deliver]\ndatabase: {url: postgres://db.example/raunet}\n'),
  ])
    expect(loadConfig(written(text)).delivery.destinations[0]!.commitment).toBeDefined();
});

test('roles: work that is left to another process needs a database that both reach', () => {
  expect(refusal('roles: [receive, admin]')).toContain(
    'line 1, roles: without analyse, deliver, another process must do that: it needs database.url',
  );
  expect(loadConfig(written('roles: [receive, analyse, deliver]')).roles).not.toContain('admin');
  const divided = 'roles: [analyse]\ndatabase: {url: postgres://raunet@db.example/raunet}';
  expect(loadConfig(written(divided)).roles).toEqual(['analyse']);
});

test('the environment overrides the file, lists included, and its mistakes are named', () => {
  const environment = {
    RAUNET_ASSOCIATION_AE_TITLE: 'OTHER',
    RAUNET_ADMIN_PORT: '0',
    RAUNET_DELIVERY_DESTINATIONS: '[{name: pacs, aeTitle: ORTHANC, host: 127.0.0.1, port: 4242}]',
    DATABASE_URL: 'postgres://db/raunet',
  };
  const config = loadConfig(written('association: {aeTitle: FILE, port: 104}'), environment);
  expect(config.association).toMatchObject({ aeTitle: 'OTHER', port: 104 });
  expect(config.admin.port).toBe(0);
  expect(config.delivery.destinations[0]).toMatchObject({ name: 'pacs', retryLimit: 20 });
  expect(config.database.url).toBe('postgres://db/raunet');
  expect(refusal('', { RAUNET_PROT: '1' })).toContain('RAUNET_PROT: no configuration key has this name');
  // The file itself: every command that has --config reads it (test/unit/cli/wrong-path.test.ts).
  expect(loadConfig(null, { RAUNET_CONFIG: '/etc/raunet.yaml' })).toEqual(configSchema.parse({}));
  expect(refusal('', { RAUNET_ADMIN_PORT: 'x' })).toMatch(/RAUNET_ADMIN_PORT: .*number/);
});

test('what Kubernetes tells of a Service called raunet, or raunet-admin, is none of our variables; a port of ours still is', () => {
  const links = (service: string, port: number, portName: string) => ({
    [`${service}_SERVICE_HOST`]: '10.43.7.1',
    [`${service}_SERVICE_PORT`]: String(port),
    [`${service}_SERVICE_PORT_${portName}`]: String(port),
    [`${service}_PORT`]: `tcp://10.43.7.1:${port}`,
    [`${service}_PORT_${port}_TCP`]: `tcp://10.43.7.1:${port}`,
    [`${service}_PORT_${port}_TCP_PROTO`]: 'tcp',
    [`${service}_PORT_${port}_TCP_PORT`]: String(port),
    [`${service}_PORT_${port}_TCP_ADDR`]: '10.43.7.1',
  });
  const environment = { ...links('RAUNET', 11112, 'DICOM'), ...links('RAUNET_ADMIN', 8080, 'HTTPS') };
  expect(loadConfig(null, environment)).toEqual(loadConfig(null));
  expect(loadConfig(null, { ...environment, RAUNET_ADMIN_PORT: '9090' }).admin.port).toBe(9090);
  expect(refusal('', { RAUNET_PORT: '1' })).toContain('RAUNET_PORT: no configuration key has this name');
});

// Found by fuzzing (test/faults/fuzz.test.ts): these left as a YAMLParseError and a ReferenceError with a stack.
test('text that is no YAML is named as a problem, in the environment without its value', () => {
  expect(refusal('', { RAUNET_ADMIN_PORT: '[' })).toMatch(/RAUNET_ADMIN_PORT: is no YAML: /);
  expect(refusal('', { DATABASE_URL: '"postgres://user:secret' })).not.toContain('secret');
  expect(refusal('association: *nowhere')).toContain('nowhere');
  const laughs = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
  for (const [name, before] of ['ba', 'cb', 'dc', 'ed', 'fe'].map((pair) => [...pair]))
    laughs.push(`${name}: &${name} [${Array(10).fill(`*${before}`).join(', ')}]`);
  expect(refusal(laughs.join('\n'))).toContain('alias');
});

test('a configuration cannot be changed after it was read', () => {
  const config = loadConfig(null);
  expect(() => {
    (config.association as { port: number }).port = 1;
  }).toThrow(TypeError);
});

test('conf/raunet.schema.json is the one that the code makes', () => {
  expect(JSON.parse(readFileSync('conf/raunet.schema.json', 'utf8'))).toEqual(JSON.parse(jsonSchema()));
});
