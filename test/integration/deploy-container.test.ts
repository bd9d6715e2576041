import { execFile } from 'node:child_process';
import { chown, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { type Container, startContainer } from '../fixtures/container';
import { readDockerfile } from '../fixtures/dockerfile';
import { type Orthanc, startOrthanc } from '../fixtures/orthanc';
import { instancesOf } from '../fixtures/pacs';
import { storescu } from '../fixtures/peer-tools';
import { makePhantom } from '../fixtures/phantom';
import { freePort } from '../fixtures/ports';
import { type Postgres, startPostgres } from '../fixtures/postgres';
import { until } from '../fixtures/until';

// deploy/compose.yaml without a container engine: its image, mounts, user, certificate, database and routing rule, started by hand.

jest.setTimeout(600_000);

/** A short job. */
const SLICES = 16;

let orthanc: Orthanc;
let postgres: Postgres;
let container: Container;
let adminPort: number;
let certificate: string;
let token: string;
const { image } = readDockerfile('deploy/Dockerfile');

beforeAll(async () => {
  const compose = parse(await readFile('deploy/compose.yaml', 'utf8'));
  const ours = parse(await readFile('deploy/raunet.compose.yaml', 'utf8'));
  const { raunet, database } = compose.services;
  certificate = await makeCertificate(compose.services.certificate.command);
  const [dicomPort, admin] = [await freePort(), await freePort()];
  adminPort = admin;
  orthanc = await startOrthanc({ raunetPort: dicomPort });
  const { POSTGRES_USER: user, POSTGRES_PASSWORD: password, POSTGRES_DB: name } = database.environment;
  postgres = await startPostgres({ user, password, database: name });

  const url = new URL(raunet.environment.DATABASE_URL);
  url.port = String(postgres.port);
  const destinations = ours.delivery.destinations.map((each: object) => ({
    ...each,
    port: orthanc.dicomPort,
  }));
  const files = (raunet.volumes as string[]).filter((volume) => volume.startsWith('.'));
  container = await startContainer(image, {
    environment: {
      DATABASE_URL: url.href,
      RAUNET_ASSOCIATION_PORT: String(dicomPort),
      RAUNET_ADMIN_PORT: String(adminPort),
      RAUNET_DELIVERY_DESTINATIONS: JSON.stringify(destinations),
      RAUNET_SERIES_QUIET_SECONDS: '2',
    },
    mounts: new Map(
      files
        .map((file): [string, string] => {
          const [source, target] = file.split(':');
          return [join('deploy', source!), target!];
        })
        .concat([[certificate, compose.services.certificate.working_dir]]),
    ),
    hosts: Object.keys(compose.services),
  });
  await until(
    'the service is ready',
    async () => {
      if (container.process.exitCode !== null) throw new Error(await container.log());
      return (await ask('/ready')).status === 200;
    },
    90,
  );
});

afterAll(async () => {
  await container?.dispose();
  await orthanc?.stop();
  await postgres?.stop();
  if (certificate) await rm(certificate, { recursive: true });
});

/** As the service `certificate` does, in a folder of the user of the image. */
async function makeCertificate([program, ...given]: string[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'raunet-certificate-'));
  await promisify(execFile)(program!, given, { cwd: folder });
  for (const name of ['', ...(await readdir(folder))]) await chown(join(folder, name), 1000, 1000);
  return folder;
}

/** The admin pages from outside, by nothing but the certificate that was made. */
async function ask(path: string, token?: string): Promise<{ status: number; text: string }> {
  const ca = await readFile(join(certificate, 'admin.crt'));
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  return new Promise((done, failed) => {
    request(`https://127.0.0.1:${adminPort}${path}`, { ca, headers, agent: false }, (response) => {
      let text = '';
      response.on('data', (part) => (text += String(part)));
      response.on('end', () => done({ status: response.statusCode!, text }));
    })
      .on('error', failed)
      .end();
  });
}

describe('deploy/Dockerfile and compose.yaml, their parts started by hand', () => {
  test('the health check of the image passes inside the running service, and fails on a port where nobody listens', async () => {
    expect(await container.exec(...image.healthcheck)).toBe(0);
    expect(await container.exec(...image.healthcheck, '--ready')).toBe(0);
    const elsewhere = `RAUNET_ADMIN_PORT=${await freePort()}`;
    expect(await container.exec('env', elsewhere, ...image.healthcheck)).toBe(1);
  });

  test('the dashboard answers over TLS, its series to a token made as compose.yaml says and to nobody else', async () => {
    expect(await ask('/')).toMatchObject({ status: 200, text: expect.stringContaining('Raunet PACS') });
    expect((await ask('/api/series')).status).toBe(401);
    const head = await readFile('deploy/compose.yaml', 'utf8');
    const [, command] = /exec raunet (node .*)$/m.exec(head)!;
    token = (await container.answer(...command!.split(' '))).trim().split('\n').at(-1)!;
    await until('the token counts', async () => (await ask('/api/series', token)).status === 200, 10);
  });

  test('the service runs as an ordinary user, and only its volume and /tmp can be written', async () => {
    const status = await readFile(`/proc/${container.process.pid}/status`, 'utf8');
    expect(status).toMatch(/^Uid:\s+1000\s+1000\s+1000\s+1000$/m);
    for (const folder of ['/', '/app', '/app/dist', '/app/conf', '/app/onnx', '/etc', '/usr'])
      expect([folder, await container.exec('touch', join(folder, 'written'))]).not.toEqual([folder, 0]);
    for (const folder of [image.volume, '/tmp'])
      expect([folder, await container.exec('touch', join(folder, 'written'))]).toEqual([folder, 0]);
  });

  test('a series pushed to Orthanc is routed to the service, and its report comes back, on a PostgreSQL with a password', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'raunet-phantom-'));
    const { directory, seriesUid, studyUid } = await makePhantom(folder, { slices: SLICES });
    await storescu(orthanc.dicomPort, 'ORTHANC', directory);
    await rm(folder, { recursive: true });
    await until(
      'the series is done',
      async () => {
        const { text } = await ask(`/api/series/${seriesUid}`, token);
        const { series: record } = JSON.parse(text) as { series: { state: string; reason: string } };
        if (record.state === 'done') return true;
        throw new Error(`it is ${record.state}: ${record.reason}\n${(await container.log()).slice(-3000)}`);
      },
      300,
    );
    const modalities = (await instancesOf(orthanc, studyUid)).map(({ modality }) => modality);
    expect(modalities.filter((modality) => modality === 'CT')).toHaveLength(SLICES);
    expect(modalities.filter((modality) => modality === 'SR')).toHaveLength(1);
  });

  test('SIGTERM ends it with status 0', async () => {
    expect(await container.stop()).toBe(0);
  });
});
