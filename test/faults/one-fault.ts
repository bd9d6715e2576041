import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../fixtures/ports';
import { type Service, type ServiceOptions, startService } from '../fixtures/service';
import { until } from '../fixtures/until';
import { type Archive, startArchive } from './archive';
import { figure, random } from './frame';
import { makePhantoms, type Phantom } from './phantoms';
import { openSender } from './sender';

/** Of the small model. */
export const CONTRACT_FOLDER = join(__dirname, '../fixtures/models');

/** What the tests of one fault at a time share. */
export interface Bench {
  /** Others may read in it. */
  folder(): string;
  /** Where results go unless the configuration says otherwise. */
  archive(): Archive;
  /** A series that no test has sent yet. */
  fresh(): Phantom;
  /** A service that ends with the test. */
  start(config?: ServiceOptions['config'], more?: Partial<ServiceOptions>): Promise<Service>;
  /** Kinds of faults that a test has seen end as they should: told as a figure. */
  passed(kinds: number): void;
}

/** Adds its hooks to the test file that calls it. */
export function oneFaultAtATime({ series, seed }: { series: number; seed: number }): Bench {
  let folder: string;
  let archive: Archive;
  let phantoms: Phantom[];
  let taken = 0;
  let kinds = 0;
  const services: Service[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'raunet-faults-'));
    // PostgreSQL, as another user, reads the faked time here.
    await chmod(folder, 0o755);
    const options = Array.from({ length: series }, (_, n) => ({ size: 64, slices: 16, seed: seed + n }));
    phantoms = await makePhantoms(join(folder, 'phantoms'), options);
    archive = await startArchive();
  });
  afterEach(async () => {
    for (const service of services.splice(0)) await service.dispose();
  });
  afterAll(async () => {
    figure('kinds of faults, each ended in the right state with the right code', kinds);
    await archive?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  return {
    folder: () => folder,
    archive: () => archive,
    fresh: () => phantoms[taken++]!,
    async start(config = {}, more = {}) {
      const service = await startService({
        dicomPort: await freePort(),
        pacsPort: archive.port,
        quietSeconds: 3,
        config: {
          inference: { contract: join(CONTRACT_FOLDER, 'contract.json'), timeoutSeconds: 5 },
          ...config,
        },
        ...more,
      });
      services.push(service);
      return service;
    },
    passed: (more) => void (kinds += more),
  };
}

/** One association; resolves to the paths that were answered with Success. */
export function push(service: Service, { files }: Phantom): Promise<string[]> {
  const sender = openSender('ORTHANC', () => service.dicomPort, random('push'));
  return sender.attempt(files.map(({ path }) => path));
}

export async function pushed(service: Service, phantom: Phantom): Promise<void> {
  expect(await push(service, phantom)).toHaveLength(phantom.files.length);
}

/** Sends again what was not acknowledged, as senders do, until all is. */
export async function pushUntilStored(service: Service, phantom: Phantom, seconds: number): Promise<void> {
  let left = phantom.files;
  await until(
    'everything is acknowledged',
    async () => {
      const stored = new Set(await push(service, { ...phantom, files: left }));
      left = left.filter(({ path }) => !stored.has(path));
      return left.length === 0;
    },
    seconds,
  );
}
