import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../fixtures/ports';
import { startPostgres } from '../fixtures/postgres';
import { descendants, type SeriesDetail, type Service, startService } from '../fixtures/service';
import { type Archive, startArchive } from './archive';
import { figure, ROUNDS, random } from './frame';
import { lostOf, strayFiles, wrongResults } from './invariants';
import { makePhantoms, type Phantom } from './phantoms';
import { kill } from './processes';
import { openSender, type Sender } from './sender';
import { makeSite, type Site } from './site';

// Two receivers, two analysers and an office that delivers and has the pages, each a machine of its own, on one
// PostgreSQL (Debian's) and one data folder. Every series comes half to one receiver and half to the other.
jest.setTimeout(60 * 60_000);

/** Machines killed in the short form. */
const KILLS = 10;
const QUIET_SECONDS = 5;

const onEnd: (() => Promise<unknown>)[] = [];
let folder: string;
let dataDir: string;
let site: Site;
let archive: Archive;
let receivers: Service[];
let analysers: Service[];
let office: Service;
let databaseUrl: string;
let made: Phantom[];
const sent: Phantom[] = [];
/** Senders by receiver. */
let senders: Sender[];

async function startMachine(
  roles: string[],
  n: number | null,
  options: { revive: boolean; dataDir?: string },
): Promise<Service> {
  const machine = n === null ? { address: '127.0.0.1', prefix: [] } : site.machines[n]!;
  const service = await startService({
    dicomPort: await freePort(),
    pacsPort: archive.port,
    quietSeconds: QUIET_SECONDS,
    prefix: machine.prefix,
    environment: { DATABASE_URL: databaseUrl, RAUNET_ROLES: `[${roles}]` },
    dataDir,
    ...options,
    config: {
      association: {
        host: machine.address,
        allow: ['SENDER1', 'SENDER2'].map((callingAe) => ({ callingAe })),
        idleSeconds: 10,
      },
      inference: { contract: resolve('test/fixtures/models/contract.json'), providers: ['cpu'], threads: 1 },
      delivery: {
        destinations: [
          {
            name: 'archive',
            aeTitle: 'ARCHIVE',
            host: site.address,
            port: archive.port,
            retrySeconds: 1,
            retryMaxSeconds: 4,
          },
        ],
        rules: [{ to: ['archive'] }],
      },
    },
  });
  onEnd.push(() => service.dispose());
  return service;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'raunet-machines-'));
  dataDir = join(folder, 'data');
  site = await makeSite(4);
  onEnd.push(() => site.remove());
  figure('machines are', site.kind);
  const account = { user: 'raunet', password: 'secret', database: 'raunet' };
  const postgres = await startPostgres({ ...account, address: site.address });
  onEnd.push(() => postgres.stop());
  databaseUrl = `postgres://raunet:secret@${site.address}:${postgres.port}/raunet`;
  archive = await startArchive();
  onEnd.push(() => archive.stop());
  const count = 6 + (ROUNDS ?? KILLS) + 5;
  made = await makePhantoms(
    join(folder, 'phantoms'),
    Array.from({ length: count }, (_, k) => ({ size: 64, slices: 16, seed: 9000 + k })),
  );
  // All at once: who comes first makes the tables, the others wait for it.
  [office, ...receivers] = await Promise.all([
    startMachine(['deliver', 'admin'], null, { revive: true }),
    startMachine(['receive'], 0, { revive: true }),
    startMachine(['receive'], 1, { revive: true }),
  ]);
  analysers = await Promise.all([2, 3].map((n) => startMachine(['analyse'], n, { revive: true })));
  senders = receivers.map((receiver, n) =>
    openSender(`SENDER${n + 1}`, () => receiver.dicomPort, random(`machines ${n}`), {
      host: site.machines[n]!.address,
    }),
  );
});

afterAll(async () => {
  senders?.forEach((sender) => sender.stop());
  for (const end of onEnd.reverse()) await end().catch(() => {});
  await rm(folder, { recursive: true, force: true });
});

/** The next series, half of its slices to each receiver at once. */
async function pushNext(): Promise<void> {
  const phantom = made[sent.length]!;
  sent.push(phantom);
  await Promise.all(
    senders.map((sender, n) =>
      sender.deliver({ ...phantom, files: phantom.files.filter((_, k) => k % 2 === n) }),
    ),
  );
}

const reached = (phantoms: readonly Phantom[]): Promise<SeriesDetail[]> =>
  Promise.all(phantoms.map(({ seriesUid }) => office.reached(seriesUid, ['done', 'refused', 'failed'], 600)));

/** What must hold of every series that was sent. */
async function expectNothingLostOrDoubled(what: string): Promise<void> {
  const details = await reached(sent);
  const acknowledged = senders.flatMap((sender) => [...sender.acknowledged.keys()]);
  const lost = await lostOf(dataDir, sent, acknowledged);
  const objects = await archive.objects();
  const wrong: string[] = [];
  for (const [k, phantom] of sent.entries())
    wrong.push(...(await wrongResults(dataDir, phantom, details[k]!, { objects, verbatim: true })));
  figure(`${what}: series so far`, sent.length);
  figure(`${what}: instances answered with Success so far`, acknowledged.length);
  figure(`${what}: lost`, lost.length);
  figure(`${what}: doubled or missing results`, wrong.length);
  expect(lost).toEqual([]);
  expect(details.map(({ series: { state, reason, instances } }) => ({ state, reason, instances }))).toEqual(
    sent.map(({ files }) => ({ state: 'done', reason: null, instances: files.length })),
  );
  expect(wrong).toEqual([]);
}

test('a series that comes half to one receiver and half to the other is analysed once', async () => {
  for (let k = 0; k < 6; k++) await pushNext();
  await expectNothingLostOrDoubled('at peace');
  const texts = await Promise.all(analysers.map((analyser) => analyser.metrics()));
  const begun = texts.map((text) =>
    Number(/^raunet_stage_seconds_count\{stage="volume"\} (\d+)/m.exec(text)?.[1] ?? 0),
  );
  figure('at peace: analyses by each analyser', begun.join(' + '));
  expect(begun.reduce((sum, n) => sum + n, 0)).toBe(6);
});

test('receivers, analysers and the office killed at random: nothing is lost or doubled', async () => {
  const chance = random('machines');
  const machines = { receiver: receivers, analyser: analysers, office: [office] };
  const kinds = ['receiver', 'receiver', 'analyser', 'analyser', 'office'] as const;
  const killed = new Map<string, number>();
  const kills = ROUNDS ?? KILLS;
  let over = false;
  const pushing = (async () => {
    for (let k = 0; k < kills && !over; k++) await pushNext();
  })();
  try {
    for (let n = 0; n < kills; ) {
      await sleep(chance.between(300, 4000));
      const kind = chance.pick(kinds);
      const machine = chance.pick<Service>(machines[kind]);
      const pids = [machine.pid(), ...(await descendants(machine.pid()))];
      if (kill(pids) === 0) continue;
      killed.set(kind, (killed.get(kind) ?? 0) + 1);
      n += 1;
    }
    await pushing;
  } finally {
    over = true;
  }
  for (const [kind, count] of [...killed].sort()) figure(`killed ${kind}`, count);
  await expectNothingLostOrDoubled('killed');
});

test('a machine whose data folder is not the shared one does not start: its share is not mounted', async () => {
  const own = startMachine(['analyse'], 2, { revive: false, dataDir: join(folder, 'not-mounted') });
  await expect(own).rejects.toThrow('RAUNET_DATA_FOLDER_FOREIGN');
});

test('a rolling restart into a version with a new migration loses nothing, old and new side by side', async () => {
  const newer = await newerBuild(join(folder, 'newer'));
  let over = false;
  const pushing = (async () => {
    for (let k = 0; k < 5 && !over; k++) {
      await pushNext();
      await sleep(1000);
    }
  })();
  try {
    for (const machine of [office, ...receivers, ...analysers]) {
      await machine.stop();
      await machine.start(newer);
    }
    await pushing;
  } finally {
    over = true;
  }
  await expectNothingLostOrDoubled('rolling restart');
  // The version before does not start on the new tables, and says why.
  await receivers[0]!.stop();
  await expect(startMachine(['receive'], 0, { revive: false })).rejects.toThrow(/RAUNET_SCHEMA.*9999/s);
});

test('stopped, they leave no unfinished file', async () => {
  await sleep(11_000); // What a killed receiver left is swept by the others after association.idleSeconds.
  for (const machine of [...analysers, office, receivers[1]!]) await machine.stop();
  expect(await strayFiles(dataDir, sent)).toEqual([]);
});

/** This build with one more migration, as the next version may have: additive. */
async function newerBuild(to: string): Promise<string> {
  await mkdir(to);
  await cp('dist', join(to, 'dist'), { recursive: true });
  for (const name of ['node_modules', 'conf', 'onnx', 'package.json'])
    await symlink(resolve(name), join(to, name));
  await writeFile(
    join(to, 'dist/records/migrations/9999_next_version.sql'),
    'ALTER TABLE raunet.series ADD COLUMN next_version text;\n',
  );
  return to;
}
