import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dcmtk } from '../fixtures/dcmtk';
import { freePort } from '../fixtures/ports';
import { type Service, startService } from '../fixtures/service';
import { type Archive, startArchive } from './archive';
import { figure, MINUTES, ROUNDS } from './frame';
import { makePhantoms, type Phantom } from './phantoms';
import { stretched } from './stretch';
import { footprint, loopControl, metric, peakMegabytes, slope } from './watch';

// Many senders, many series, long series: everything is acknowledged in time, memory and descriptors stay where they
// are, and the event loop is never held up. With --minutes N the soak goes on for so long; with --rounds N it has so
// many rounds; FULL=1 sends the long series as 512 x 512 (1 GB).
jest.setTimeout(3 * 60 * 60_000);

/** The event loop may be held for so long. */
const BAR_SECONDS = 0.2;
/** No sender waits longer for an answer, seconds: well below what PACS and modalities grant (30 and more). */
const ANSWER_SECONDS = 10;
const ASSOCIATIONS = 20;
/**
 * Resident memory may grow by so much a round of 300 instances and 20 series, by least squares over the last three
 * quarters. A heap that has not been collected lately grows too: over a few rounds more is allowed than over many.
 */
const GROWTH_MB = 4;
const LONG_GROWTH_MB = 0.2;
/** Of the short form. Pools open their last connections late: over eight rounds three of them looked like a leak. */
const ROUNDS_SHORT = 24;
/** Called AE title of series that are received and assembled, and left out by a rule: the soak is about those stages. */
const LEFT_OUT = 'SOAK';

let folder: string;
let archive: Archive;
let service: Service;
let phantoms: Phantom[];
let long: Phantom;
const control = loopControl();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'raunet-load-'));
  const full = process.env['FULL'] === '1';
  const made = await makePhantoms(folder, [
    ...Array.from({ length: 10 }, (_, n) => ({ size: 64, slices: 40, seed: 3000 + n })),
    { size: full ? 512 : 128, slices: full ? 100 : 200, seed: 3999 },
  ]);
  phantoms = made.slice(0, -1);
  long = await stretched(made.at(-1)!, 2000, folder);
  archive = await startArchive();
  service = await startService({
    dicomPort: await freePort(),
    pacsPort: archive.port,
    // Ten series over one association leave each of them in pauses of its own.
    quietSeconds: 8,
    config: {
      association: { maxAssociations: ASSOCIATIONS, aliases: [LEFT_OUT] },
      series: { rules: [{ name: 'soak', calledAe: LEFT_OUT, take: false }, { name: 'rest' }] },
      // What is tested is what surrounds the network: one that answers at once leaves the more time for it.
      inference: { contract: join(__dirname, '../fixtures/models/contract.json') },
    },
  });
});
afterAll(async () => {
  control.stop();
  await service?.dispose();
  await archive?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** One association; rejects unless each file was answered with Success in time. */
async function send(paths: readonly string[], calledAe = 'RAUNET', inventUids = false): Promise<void> {
  const times = ['-to', '10', '-ta', String(ANSWER_SECONDS), '-td', String(ANSWER_SECONDS)];
  const options = ['-v', ...times, '-aet', 'ORTHANC', '-aec', calledAe, ...(inventUids ? ['+II'] : [])];
  const { status, output } = await dcmtk(
    'storescu',
    ...options,
    '127.0.0.1',
    String(service.dicomPort),
    ...paths,
  );
  const stored = output.match(/Received Store Response \(Success\)/g)?.length ?? 0;
  if (status !== 0 || stored !== paths.length)
    throw new Error(`${stored} of ${paths.length} stored, status ${status}: ${output.slice(-1000)}`);
}

const pathsOf = ({ files }: Phantom): string[] => files.map(({ path }) => path);

test('ten series whose slices come interleaved over one association become ten results, each of its own slices', async () => {
  const paths = phantoms[0]!.files.flatMap((_, k) => phantoms.map(({ files }) => files[k]!.path));
  await send(paths);
  for (const { seriesUid, files } of phantoms) {
    const { series, results } = await service.reached(seriesUid, ['done'], 300);
    expect(series).toMatchObject({ instances: files.length, revision: 1 });
    expect(results.map(({ kind }) => kind).sort()).toEqual(['SC', 'SEG', 'SR']);
  }
  const objects = await archive.objects();
  for (const { seriesUid, studyUid, files } of phantoms) {
    const report = objects.find((object) => object.modality === 'SR' && object.studyUid === studyUid)!;
    const slices = new Set(files.map(({ sopInstanceUid }) => sopInstanceUid));
    expect([seriesUid, [...slices].every((uid) => report.references.has(uid))]).toEqual([seriesUid, true]);
  }
  figure('series interleaved slice by slice, each with its own result', phantoms.length);
});

test('a series of 2,000 slices is received and analysed while others go on sending', async () => {
  await send(pathsOf(long));
  let ended = false;
  const senders = phantoms.slice(0, 4).map(async (phantom) => {
    let associations = 0;
    while (!ended) {
      await send(pathsOf(phantom), LEFT_OUT, true);
      associations++;
    }
    return associations;
  });
  try {
    const { series } = await service.reached(long.seriesUid, ['done', 'refused', 'failed'], 1800);
    expect(series).toMatchObject({ state: 'done', instances: 2000, revision: 1 });
  } finally {
    ended = true;
  }
  const associations = (await Promise.all(senders)).reduce((sum, count) => sum + count, 0);
  expect(associations).toBeGreaterThan(4);
  figure('slices of the longest series analysed', long.files.length);
  figure('peak memory of the service with it, MB', Math.round(await peakMegabytes(service.pid())));
});

test('twenty associations at once, round after round, leave memory and descriptors where they were', async () => {
  const end = Date.now() + (MINUTES ?? 0) * 60_000;
  const rounds = ROUNDS ?? ROUNDS_SHORT;
  const feet: { megabytes: number; descriptors: number }[] = [];
  let instances = 0;
  for (let round = 0; round < rounds || Date.now() < end; round++) {
    const series = Array.from({ length: ASSOCIATIONS }, (_, n) =>
      pathsOf(phantoms[n % phantoms.length]!).slice(0, 15),
    );
    await Promise.all(series.map((paths) => send(paths, LEFT_OUT, true)));
    instances += series.flat().length;
    feet.push(await footprint(service.pid()));
    process.stdout.write(`    round ${round + 1}: ${JSON.stringify(feet.at(-1))}\n`);
  }
  const settled = feet.slice(Math.floor(feet.length / 4));
  const memory = slope(settled.map(({ megabytes }) => megabytes));
  const descriptors = slope(settled.map((each) => each.descriptors));
  figure('associations at once', ASSOCIATIONS);
  figure('instances acknowledged in the soak, none refused or late', instances);
  figure('growth of memory over the soak, MB a round', memory.toFixed(2));
  figure('growth of descriptors over the soak, a round', descriptors.toFixed(2));
  expect(memory).toBeLessThan(feet.length > 100 ? LONG_GROWTH_MB : GROWTH_MB);
  expect(descriptors).toBeLessThan(0.5);
});

test('the event loop was never held up for 200 ms', async () => {
  const longest = await metric(service.adminPort, 'raunet_event_loop_longest_delay_seconds');
  const machine = await control.longestDelay();
  figure('longest event-loop stall of the service, ms', Math.round(1000 * longest));
  figure('the same of an idle process beside it, ms', Math.round(1000 * machine));
  expect(longest - machine).toBeLessThan(BAR_SECONDS);
});
