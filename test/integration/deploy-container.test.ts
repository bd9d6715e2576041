import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

// deploy/compose.yaml without a container engine: its image, mounts, user, database and routing rule, started by hand.

jest.setTimeout(600_000);

/** A short job. */
const SLICES = 16;

let orthanc: Orthanc;
let postgres: Postgres;
let container: Container;
let adminPort: number;
const { image } = readDockerfile('deploy/Dockerfile');

beforeAll(async () => {
  const compose = parse(await readFile('deploy/compose.yaml', 'utf8'));
  const ours = parse(await readFile('deploy/raunet.compose.yaml', 'utf8'));
  const { raunet, database } = compose.services;
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
  const [, ...files] = raunet.volumes as string[];
  container = await startContainer(image, {
    environment: {
      DATABASE_URL: url.href,
      RAUNET_ASSOCIATION_PORT: String(dicomPort),
      RAUNET_ADMIN_PORT: String(adminPort),
      RAUNET_DELIVERY_DESTINATIONS: JSON.stringify(destinations),
      RAUNET_SERIES_QUIET_SECONDS: '2',
    },
    mounts: new Map(
      files.map((file) => {
        const [source, target] = file.split(':');
        return [join('deploy', source!), target!];
      }),
    ),
    hosts: Object.keys(compose.services),
  });
  await until(
    'the service is ready',
    async () => {
      if (container.process.exitCode !== null) throw new Error(await container.log());
      return (await fetch(`http://127.0.0.1:${adminPort}/ready`)).ok;
    },
    90,
  );
});

afterAll(async () => {
  await container?.dispose();
  await orthanc?.stop();
  await postgres?.stop();
});

describe('deploy/Dockerfile and compose.yaml, their parts started by hand', () => {
  test('the health check of the image passes inside the running service, and fails on a port where nobody listens', async () => {
    expect(await container.exec(...image.healthcheck)).toBe(0);
    expect(await container.exec(...image.healthcheck, '--ready')).toBe(0);
    const elsewhere = `RAUNET_ADMIN_PORT=${await freePort()}`;
    expect(await container.exec('env', elsewhere, ...image.healthcheck)).toBe(1);
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
        const answer = await fetch(`http://127.0.0.1:${adminPort}/api/series/${seriesUid}`);
        const { series: record } = (await answer.json()) as { series: { state: string; reason: string } };
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
