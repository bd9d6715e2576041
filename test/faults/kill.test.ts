import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Orthanc, startOrthanc } from '../fixtures/orthanc';
import { freePort } from '../fixtures/ports';
import { type SeriesDetail, type Service, startService } from '../fixtures/service';
import { until } from '../fixtures/until';
import { type Archive, objectsIn, startArchive } from './archive';
import { figure, ROUNDS, random } from './frame';
import { lostOf, strayFiles, wrongResults } from './invariants';
import { makePhantoms, type Phantom } from './phantoms';
import { type Family, familyOf, kill, leftRunning, socketsBelow } from './processes';
import { openSender, type Sender } from './sender';

// SIGKILL at random moments, of each process and of all, while two senders push and two destinations receive. What
// is true afterwards is read off the senders' own logs, the spool and the destinations; a service that dies is
// started again at once, as systemd does. Series come in one sitting or, where the service was away for longer than
// the quiet time, in several: then a partial revision may come before the whole one, as docs/ARCHITECTURE.md says.
jest.setTimeout(3 * 60 * 60_000);

/** SIGKILLs of the short form. */
const KILLS = 60;
const QUIET_SECONDS = 4;

type Target = keyof Family | 'all';
/** How often each is meant, of ten. */
const TARGETS: readonly Target[] = [
  'service',
  'service',
  'service',
  'service',
  'inference child',
  'inference child',
  'postmaster',
  'database process',
  'database process',
  'all',
];

interface Campaign {
  name: string;
  kills: number;
  phantoms: { size: number; slices: number }[];
  /** Left out: the one that is shipped. */
  contract?: string;
}

interface Outcome {
  service: Service;
  orthanc: Orthanc;
  archive: Archive;
  senders: Sender[];
  phantoms: Phantom[];
  /** The one of which slices are never sent. */
  holed: Phantom;
  details: Map<string, SeriesDetail>;
  killed: Map<Target, number>;
  mark: string;
}

async function campaign(
  { name, kills, phantoms: wanted, contract }: Campaign,
  folder: string,
): Promise<Outcome> {
  const chance = random(name);
  const mark = `FAULTS_MARK=${name}-${process.pid}-${Date.now()}`;
  process.env['FAULTS_MARK'] = mark.slice('FAULTS_MARK='.length);
  const made = await makePhantoms(
    join(folder, name),
    [...wanted, { size: 64, slices: 30 }].map((options, k) => ({ ...options, seed: 1000 + k })),
  );
  const phantoms = made.slice(0, -1);
  const holed = { ...made.at(-1)!, files: made.at(-1)!.files.filter((_, k) => k < 10 || k > 14) };

  const orthanc = await startOrthanc({ routing: false });
  const archive = await startArchive();
  onEnd.push(
    () => orthanc.stop(),
    () => archive.stop(),
  );
  const retry = { retrySeconds: 1, retryMaxSeconds: 4, retryLimit: 200, connectSeconds: 5 };
  const service = await startService({
    dicomPort: await freePort(),
    pacsPort: orthanc.dicomPort,
    quietSeconds: QUIET_SECONDS,
    revive: true,
    config: {
      ...(contract === undefined ? {} : { inference: { contract, providers: ['cpu'] } }),
      jobs: { analysers: 2 },
      delivery: {
        destinations: [
          { name: 'orthanc', aeTitle: 'ORTHANC', host: '127.0.0.1', port: orthanc.dicomPort, ...retry },
          { name: 'archive', aeTitle: 'ARCHIVE', host: '127.0.0.1', port: archive.port, ...retry },
        ],
        rules: [{ to: ['orthanc', 'archive'] }],
      },
    },
  });
  onEnd.push(() => service.dispose());

  // Some series are sent by both, at the same time.
  const lists = [0, 1].map((n) => phantoms.filter((_, k) => k % 5 === 0 || k % 2 === n));
  lists[0]!.push(holed);
  const killed = new Map<Target, number>();
  const progress = (): number => [...killed.values()].reduce((sum, n) => sum + n, 0) / kills;
  const senders = lists.map((_, n) =>
    openSender(`SENDER${n + 1}`, () => service.dicomPort, random(`${name} ${n}`)),
  );
  onEnd.push(async () => senders.forEach((sender) => sender.stop()));
  const sending = senders.map((sender, n) => push(sender, lists[n]!, progress, random(`${name} pace ${n}`)));
  const dying = killAtRandom(service, chance, killed, progress);
  const interrupting = (async () => {
    while (progress() < 1) {
      await sleep(chance.between(10_000, 20_000));
      await archive.interrupt(chance.between(0, 3));
    }
  })();
  await Promise.all([dying, interrupting, ...sending]);

  const details = new Map<string, SeriesDetail>();
  for (const { seriesUid } of [...phantoms, holed])
    details.set(seriesUid, await service.reached(seriesUid, ['done', 'refused', 'failed', 'cancelled'], 300));
  return { service, orthanc, archive, senders, phantoms, holed, details, killed, mark };
}

/** The series in turn, as fast as the kills go on; between them what was sent before once more. */
async function push(
  sender: Sender,
  list: readonly Phantom[],
  progress: () => number,
  chance: ReturnType<typeof random>,
): Promise<void> {
  for (let next = 0; ; ) {
    if (next < list.length && next <= progress() * list.length) await sender.deliver(list[next++]!);
    else if (sender.stopped() || (next >= list.length && progress() >= 1)) return;
    else if (next > 0) {
      await sender.attempt(chance.pick(list.slice(0, next)).files.map(({ path }) => path));
      await sleep(chance.between(100, 1500));
    }
  }
}

async function killAtRandom(
  service: Service,
  chance: ReturnType<typeof random>,
  killed: Map<Target, number>,
  progress: () => number,
): Promise<void> {
  while (progress() < 1) {
    // Now into a start that is under way, now into a service at work.
    await sleep(chance.between(0, chance.pick([500, 3000, 6000])));
    const target = chance.pick(TARGETS);
    const family = await familyOf(service.pid(), service.dataDir);
    const pids = target === 'all' ? Object.values(family).flat() : family[target];
    const hit = target === 'database process' && pids.length > 0 ? [chance.pick(pids)] : pids;
    if (kill(hit) > 0) killed.set(target, (killed.get(target) ?? 0) + 1);
  }
}

const onEnd: (() => Promise<unknown>)[] = [];
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'raunet-kill-'));
});
afterAll(async () => {
  for (const end of onEnd.reverse()) await end().catch(() => {});
  await rm(folder, { recursive: true, force: true });
});

const small = (count: number) => Array.from({ length: count }, () => ({ size: 64, slices: 12 }));

const CAMPAIGNS: Campaign[] = [
  {
    name: 'tiny model',
    kills: ROUNDS ?? KILLS,
    phantoms: [
      ...small(Math.ceil((ROUNDS ?? KILLS) / 2)),
      { size: 512, slices: 10 },
      { size: 512, slices: 10 },
    ],
    contract: 'test/fixtures/models/contract.json',
  },
  { name: 'shipped model', kills: 5, phantoms: small(2) },
];

describe.each(CAMPAIGNS)('$name, $kills kills', (wanted) => {
  let outcome: Outcome;

  beforeAll(async () => {
    outcome = await campaign(wanted, folder);
    const { killed, senders, phantoms, details } = outcome;
    for (const [target, count] of [...killed].sort()) figure(`${wanted.name}: killed ${target}`, count);
    const acknowledged = senders.flatMap((sender) => [...sender.acknowledged.values()]);
    figure(
      `${wanted.name}: associations`,
      senders.reduce((sum, { associations }) => sum + associations, 0),
    );
    figure(`${wanted.name}: instances answered with Success`, acknowledged.length);
    figure(
      `${wanted.name}: Successes, repeats among them`,
      acknowledged.reduce((sum, n) => sum + n, 0),
    );
    figure(`${wanted.name}: series`, phantoms.length + 1);
    const revisions = [...details.values()].filter(({ series }) => series.revision > 1).length;
    figure(`${wanted.name}: series that came in several sittings`, revisions);
  });

  test('every instance that was answered with Success is in the spool, bit by bit', async () => {
    const { service, senders, phantoms, holed } = outcome;
    const acknowledged = senders.flatMap((sender) => [...sender.acknowledged.keys()]);
    const lost = await lostOf(service.dataDir, [...phantoms, holed], acknowledged);
    figure(`${wanted.name}: lost`, lost.length);
    expect(lost).toEqual([]);
    const sent = [...phantoms, holed].flatMap(({ files }) => files.map(({ path }) => path));
    expect(new Set(acknowledged)).toEqual(new Set(sent));
  });

  test('every whole series is done; the one with a hole is refused with its code', () => {
    const { phantoms, holed, details } = outcome;
    const ends = phantoms.map(({ seriesUid }) => {
      const { state, reason, instances } = details.get(seriesUid)!.series;
      return { seriesUid, state, reason, instances };
    });
    expect(ends).toEqual(
      phantoms.map(({ seriesUid, files }) => ({
        seriesUid,
        state: 'done',
        reason: null,
        instances: files.length,
      })),
    );
    expect(details.get(holed.seriesUid)!.series).toMatchObject({
      state: 'refused',
      code: 'RAUNET_INCOMPLETE',
    });
  });

  test.each(['orthanc', 'archive'] as const)(
    'each has one result set at the destination %s',
    async (destination) => {
      const { service, orthanc, archive, phantoms, holed, details } = outcome;
      const studies = [...phantoms, holed].map(({ studyUid }) => studyUid);
      const objects = destination === 'orthanc' ? await objectsIn(orthanc, studies) : await archive.objects();
      const verbatim = destination === 'archive';
      const wrong: string[] = [];
      for (const phantom of phantoms)
        wrong.push(
          ...(await wrongResults(service.dataDir, phantom, details.get(phantom.seriesUid)!, {
            objects,
            verbatim,
          })),
        );
      expect(wrong).toEqual([]);
      const reports = objects.filter(({ studyUid }) => studyUid === holed.studyUid);
      const { results, series } = details.get(holed.seriesUid)!;
      expect(reports.map(({ sopInstanceUid }) => sopInstanceUid)).toEqual(
        expect.arrayContaining(
          results
            .filter(({ revision }) => revision === series.revision)
            .map(({ sopInstanceUid }) => sopInstanceUid),
        ),
      );
      figure(`${wanted.name}: objects at ${destination}`, objects.length);
      if (destination === 'archive')
        figure(
          `${wanted.name}: of these sent again, same bytes`,
          (await archive.received()) - objects.length,
        );
      figure(`${wanted.name}: doubled at ${destination}`, wrong.length);
    },
  );

  test('no job waits; a clean stop leaves no process, socket, port or unfinished file', async () => {
    const { service, phantoms, holed, mark } = outcome;
    await until('no job is left', async () => {
      const text = await (await fetch(`http://127.0.0.1:${service.adminPort}/metrics`)).text();
      const jobs = text.split('\n').filter((line) => line.startsWith('raunet_queue_jobs{'));
      return jobs.length > 0 && jobs.every((line) => line.endsWith(' 0'));
    });
    await service.stop();
    expect(await leftRunning(mark, service.dataDir)).toEqual([]);
    expect(await socketsBelow(service.dataDir)).toEqual([]);
    expect(await strayFiles(service.dataDir, [...phantoms, holed])).toEqual([]);
    for (const port of [service.dicomPort, service.adminPort]) await bind(port);
  });
});

/** Rejects where somebody listens. */
async function bind(port: number): Promise<void> {
  const server = createServer();
  await new Promise<void>((done, fail) => server.once('error', fail).listen(port, '127.0.0.1', done));
  await new Promise((done) => server.close(done));
}
