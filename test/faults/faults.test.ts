import { spawn } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dcmtk } from '../fixtures/dcmtk';
import { run } from '../fixtures/peer-tools';
import { freePort } from '../fixtures/ports';
import { type Postgres, startPostgres } from '../fixtures/postgres';
import { type SeriesDetail, type Service, type ServiceOptions, startService } from '../fixtures/service';
import { until } from '../fixtures/until';
import { type Archive, startArchive } from './archive';
import { FAULTS, faulty, startFaultyDestinations } from './faulty-destinations';
import { figure } from './frame';
import { makePhantoms, type Phantom } from './phantoms';
import { familyOf, kill } from './processes';

// One fault at a time, each in the real service as a process of its own: it ends in the right state with the right
// code, and heals without a hand where it can. Root is needed: for small file systems and limits of processes.
jest.setTimeout(20 * 60_000);

const CONTRACT_FOLDER = join(__dirname, '../fixtures/models');
let folder: string;
let archive: Archive;
let phantoms: Phantom[];
let taken = 0;
/** A series that no test has sent yet. */
const fresh = (): Phantom => phantoms[taken++]!;
let faults = 0;
const services: Service[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'raunet-faults-'));
  // PostgreSQL, as another user, reads the faked time here.
  await chmod(folder, 0o755);
  phantoms = await makePhantoms(
    join(folder, 'phantoms'),
    Array.from({ length: 14 }, (_, n) => ({ size: 64, slices: 16, seed: 5000 + n })),
  );
  archive = await startArchive();
});
afterEach(async () => {
  for (const service of services.splice(0)) await service.dispose();
});
afterAll(async () => {
  figure('kinds of faults, each ended in the right state with the right code', faults);
  await archive?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(
  config: ServiceOptions['config'] = {},
  more: Partial<ServiceOptions> = {},
): Promise<Service> {
  const service = await startService({
    dicomPort: await freePort(),
    pacsPort: archive.port,
    quietSeconds: 3,
    config: { inference: { contract: join(CONTRACT_FOLDER, 'contract.json'), timeoutSeconds: 5 }, ...config },
    ...more,
  });
  services.push(service);
  return service;
}

/** One association; resolves to the paths that were answered with Success. */
async function push(service: Service, { files }: Phantom): Promise<string[]> {
  const paths = files.map(({ path }) => path);
  const options = ['-v', '-nh', '-to', '5', '-ta', '30', '-td', '30', '-aet', 'ORTHANC', '-aec', 'RAUNET'];
  const { output } = await dcmtk('storescu', ...options, '127.0.0.1', String(service.dicomPort), ...paths);
  let file = '';
  const stored: string[] = [];
  for (const line of output.split('\n')) {
    file = /Sending file: (.+)$/.exec(line)?.[1] ?? file;
    if (line.includes('Received Store Response (Success)')) stored.push(file);
  }
  return stored;
}

async function pushed(service: Service, phantom: Phantom): Promise<void> {
  expect(await push(service, phantom)).toHaveLength(phantom.files.length);
}

/** Sends again what was not acknowledged, as senders do, until all is. */
async function pushUntilStored(service: Service, phantom: Phantom, seconds: number): Promise<void> {
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

async function ask(service: Service, seriesUid: string, action: 'retry' | 'cancel'): Promise<void> {
  const url = `http://127.0.0.1:${service.adminPort}/api/series/${seriesUid}/${action}`;
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  expect(answer.status).toBe(200);
}

const passed = (kinds: number): void => void (faults += kinds);
const pathIn = (service: Service, { studyUid, seriesUid, files }: Phantom, n: number): string =>
  join(service.dataDir, 'spool', studyUid, seriesUid, `${files[n]!.sopInstanceUid}.dcm`);

test('destinations that are down, slow, refuse, reject, drop or never answer: each delivery by itself ends as its table says', async () => {
  const faulties = await startFaultyDestinations();
  const downPort = await freePort();
  let late: Archive | undefined;
  try {
    const configs = [...faulties.configs, faulty('down', downPort)];
    const service = await start({
      // One C-ECHO when the service starts, and no more: it is the first connection that each destination sees.
      maintenance: { minFreeMegabytes: 500, echoCron: '0 0 1 1 *' },
      delivery: { destinations: configs, rules: [{ to: configs.map(({ name }) => name) }] },
    });
    const phantom = fresh();
    await pushed(service, phantom);
    const seen = new Map<string, Set<string | null>>();
    const look = async (): Promise<SeriesDetail['deliveries']> => {
      const { deliveries } = (await service.series(phantom.seriesUid)) as SeriesDetail & {
        deliveries: { code: string | null }[];
      };
      for (const { destination, code } of deliveries as never as {
        destination: string;
        code: string | null;
      }[])
        seen.set(destination, (seen.get(destination) ?? new Set()).add(code));
      return deliveries;
    };
    const expected: [string, string][] = [
      ...Object.entries(FAULTS).map(([name, { ends }]) => [name, ends] as [string, string]),
      ['down', 'sent'],
    ];
    await until(
      'every delivery has ended but the one that is down',
      async () => {
        const states = new Map((await look()).map(({ destination, state }) => [destination, state]));
        return expected.every(([name, ends]) => name === 'down' || states.get(name) === ends);
      },
      180,
    );
    expect(seen.get('down')).toContain('RAUNET_DESTINATION_DOWN');
    late = await startArchive(downPort);
    await until(
      'the one that was down has it all',
      async () =>
        (await look()).every(({ destination, state }) => destination !== 'down' || state === 'sent'),
      60,
    );
    expect(await late.objects()).toHaveLength(3);
    const wrong = Object.entries(FAULTS).filter(
      ([name, { code }]) => code !== null && !seen.get(name)!.has(code),
    );
    expect(wrong.map(([name, { code }]) => [name, code, [...seen.get(name)!]])).toEqual([]);
    passed(expected.length);
  } finally {
    await late?.stop();
    await faulties.stop();
  }
});

test('a second service on the data folder is refused in words, and the first one does not notice', async () => {
  const service = await start();
  const config = join(folder, 'second.yaml');
  await writeFile(
    config,
    JSON.stringify({
      dataDir: service.dataDir,
      association: { port: await freePort() },
      admin: { port: await freePort() },
      inference: { contract: join(CONTRACT_FOLDER, 'contract.json'), providers: ['cpu'] },
    }),
  );
  const second = spawn(process.execPath, ['dist/main.js', 'serve', '--config', config]);
  let output = '';
  for (const stream of [second.stdout, second.stderr]) stream.on('data', (text) => (output += text));
  const status = await new Promise((done) => second.once('close', done));
  expect([status, output]).toEqual([1, expect.stringContaining('RAUNET_DATA_FOLDER_BUSY')]);
  const phantom = fresh();
  await pushed(service, phantom);
  await service.reached(phantom.seriesUid, ['done'], 120);
  passed(1);
});

test('received files that vanish or change before the analysis are found out, and sending again heals', async () => {
  const service = await start();
  const [gone, altered] = [fresh(), fresh()];
  await pushed(service, gone);
  await rm(pathIn(service, gone, 3));
  await pushed(service, altered);
  const victim = pathIn(service, altered, 4);
  const bytes = await readFile(victim);
  bytes[bytes.length - 9]! ^= 4;
  await writeFile(victim, bytes);
  const ends = ['done', 'failed', 'refused'];
  expect((await service.reached(gone.seriesUid, ends, 120)).series).toMatchObject({
    state: 'failed',
    code: 'RAUNET_SPOOL_MISSING',
  });
  expect((await service.reached(altered.seriesUid, ends, 120)).series).toMatchObject({
    state: 'failed',
    code: 'RAUNET_SPOOL_ALTERED',
  });
  for (const phantom of [gone, altered]) {
    await pushed(service, phantom);
    await service.reached(phantom.seriesUid, ['done'], 120);
  }
  passed(2);
});

test('an inference process that hangs or runs out of memory is replaced, and the series is done', async () => {
  const service = await start();
  const child = async (): Promise<number> =>
    (await familyOf(service.pid(), service.dataDir))['inference child'][0]!;
  const hung = await child();
  process.kill(hung, 'SIGSTOP');
  const first = fresh();
  await pushed(service, first);
  await service.reached(first.seriesUid, ['done'], 180);
  expect(await child()).not.toBe(hung);

  const starved = await child();
  await run('prlimit', '--pid', String(starved), `--as=${await addressSpace(starved)}`, '--data=0');
  const second = fresh();
  await pushed(service, second);
  await service.reached(second.seriesUid, ['done'], 180);
  expect(await child()).not.toBe(starved);
  passed(2);
});

/** Bytes that a process has mapped. */
const addressSpace = async (pid: number): Promise<number> =>
  1024 * Number(/VmSize:\s+(\d+)/.exec(await readFile(`/proc/${pid}/status`, 'utf8'))![1]);

test('a model file that is replaced while the service runs is refused, and what it would say is never sent', async () => {
  const models = join(folder, 'models');
  await cp(CONTRACT_FOLDER, models, { recursive: true });
  const service = await start({ inference: { contract: join(models, 'contract.json') } });
  const file = join(models, 'tiny.onnx');
  const original = await readFile(file);
  // A field that no reader knows: the same network, another file.
  await writeFile(file, Buffer.concat([original, Buffer.from([0xa2, 0x3e, 0x01, 0x41])]));
  kill((await familyOf(service.pid(), service.dataDir))['inference child']);
  const phantom = fresh();
  await pushed(service, phantom);
  const { series, results } = await service.reached(phantom.seriesUid, ['done', 'refused', 'failed'], 120);
  expect(results.map(({ kind }) => kind)).not.toContain('SEG');
  expect(series).toMatchObject({ code: 'RAUNET_MODEL' });
  await writeFile(file, original);
  await until(
    'the service is ready again',
    async () => (await fetch(`http://127.0.0.1:${service.adminPort}/ready`)).ok,
    120,
  );
  await ask(service, phantom.seriesUid, 'retry');
  await until(
    'the series is analysed',
    async () => {
      const { results: made, series: now } = await service.series(phantom.seriesUid);
      return now.state === 'done' && made.some(({ kind }) => kind === 'SEG');
    },
    120,
  );
  passed(1);
});

test('a full disk under the spool: what does not fit is refused as out of resources, and all is taken when there is room', async () => {
  const dataDir = join(folder, 'full-spool');
  const spool = join(dataDir, 'spool');
  await mkdir(spool, { recursive: true });
  await run('mount', '-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', spool);
  try {
    const service = await start({ maintenance: { minFreeMegabytes: 1 } }, { dataDir });
    const phantom = fresh();
    const stored = await push(service, phantom);
    expect(stored.length).toBeGreaterThan(3);
    expect(stored.length).toBeLessThan(phantom.files.length);
    await run('mount', '-o', 'remount,size=64m', spool);
    await pushUntilStored(service, phantom, 60);
    const { series } = await service.reached(phantom.seriesUid, ['done'], 120);
    expect(series.instances).toBe(phantom.files.length);
    await service.dispose();
    passed(1);
  } finally {
    await run('umount', '-l', spool);
  }
});

test('a full disk under the database: nothing is acknowledged that is not on record, and it heals when there is room', async () => {
  const dataDir = join(folder, 'full-database');
  const database = join(dataDir, 'postgres');
  await mkdir(database, { recursive: true });
  await chmod(dataDir, 0o711);
  await run('mount', '-t', 'tmpfs', '-o', 'size=300m,mode=700', 'tmpfs', database);
  try {
    const service = await start({ maintenance: { minFreeMegabytes: 1 } }, { dataDir });
    const [before, during] = [fresh(), fresh()];
    await pushed(service, before);
    await run('sh', '-c', `dd if=/dev/zero of=${database}/ballast bs=64k 2>/dev/null || true`);
    // The write-ahead log has its space already and is written over: it takes some until more is needed.
    const stored: string[] = [];
    for (let n = 0; n < 5; n++) stored.push(...(await push(service, during)));
    await rm(join(database, 'ballast'));
    await pushUntilStored(service, during, 120);
    for (const { seriesUid, files } of [before, during]) {
      const { series } = await service.reached(seriesUid, ['done'], 180);
      expect(series.instances).toBe(files.length);
    }
    for (const path of stored)
      await stat(
        pathIn(
          service,
          during,
          during.files.findIndex((each) => each.path === path),
        ),
      );
    await service.dispose();
    passed(1);
  } finally {
    await run('umount', '-l', database);
  }
});

test('a database that is away for a while: senders are told to try again, and nothing acknowledged is lost', async () => {
  const account = { user: 'raunet', password: 'secret', database: 'raunet' };
  const postgres: Postgres = await startPostgres(account);
  try {
    const url = `postgres://raunet:secret@127.0.0.1:${postgres.port}/raunet`;
    const service = await start({ database: { url } });
    const [before, during] = [fresh(), fresh()];
    await pushed(service, before);
    await postgres.pause(async () => {
      expect(await push(service, during)).toEqual([]);
      await sleep(20_000);
      expect(await push(service, during)).toEqual([]);
      const ready = await fetch(`http://127.0.0.1:${service.adminPort}/ready`);
      expect(ready.status).toBe(503);
    });
    await pushUntilStored(service, during, 120);
    for (const { seriesUid, files } of [before, during]) {
      const { series } = await service.reached(seriesUid, ['done'], 180);
      expect(series.instances).toBe(files.length);
    }
    await service.dispose();
    passed(1);
  } finally {
    await postgres.stop();
  }
});

test('a clock that jumps back or forth by a day stops no series and no delivery', async () => {
  const time = join(folder, 'time');
  const set = async (offset: string): Promise<void> => {
    await writeFile(time, offset);
    await chmod(time, 0o644);
  };
  await set('+0');
  const downPort = await freePort();
  const service = await start(
    { delivery: { destinations: [faulty('late', downPort)], rules: [{ to: ['late'] }] } },
    {
      environment: {
        LD_PRELOAD: await libfaketime(),
        FAKETIME_TIMESTAMP_FILE: time,
        FAKETIME_NO_CACHE: '1',
        // A jump of the clock of the wall: the other one only ever goes on.
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
      },
    },
  );
  const [back, forth] = [fresh(), fresh()];
  await pushed(service, back);
  await set('-86400');
  await service.reached(back.seriesUid, ['delivery'], 120);
  await set('-172800');
  const late = await startArchive(downPort);
  try {
    await service.reached(back.seriesUid, ['done'], 120);
    await pushed(service, forth);
    await set('+86400');
    await service.reached(forth.seriesUid, ['done'], 120);
    expect(await late.objects()).toHaveLength(6);
  } finally {
    await late.stop();
  }
  passed(2);
});

async function libfaketime(): Promise<string> {
  const { stdout } = await run('sh', '-c', 'ls /usr/lib/*/faketime/libfaketimeMT.so.1').catch(() => {
    throw new Error('libfaketime is missing: run .ci/install-peers.sh');
  });
  return stdout.trim();
}
