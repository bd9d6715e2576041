import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Orthanc, startOrthanc } from '../fixtures/orthanc';
import {
  attributesOf,
  contentOf,
  download,
  resultsArrived,
  resultsOf,
  type Stored,
  valuesOf,
} from '../fixtures/pacs';
import { run, storescu } from '../fixtures/peer-tools';
import { makePhantom } from '../fixtures/phantom';
import { freePort } from '../fixtures/ports';
import { type Service, startService } from '../fixtures/service';

// What goes otherwise than planned between a PACS and the service.
jest.setTimeout(300_000);

let orthanc: Orthanc;
let service: Service;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'raunet-events-'));
  const raunetPort = await freePort();
  orthanc = await startOrthanc({ raunetPort });
  service = await startService({ dicomPort: raunetPort, pacsPort: orthanc.dicomPort });
});

afterAll(async () => {
  await service?.dispose();
  await orthanc?.stop();
  await rm(folder, { recursive: true, force: true });
});

test('a late instance opens its series again; a superseding result with UIDs of its own names the one before', async () => {
  const phantom = await makePhantom(join(folder, 'late'), { slices: 31 });
  const late = phantom.files.pop()!;
  await storescu(orthanc.dicomPort, 'ORTHANC', ...phantom.files);
  const first = await resultsArrived(orthanc, phantom.studyUid, 3, 120);
  await service.reached(phantom.seriesUid, ['done'], 30);
  const before = await contentOf(orthanc, phantom.studyUid);

  await storescu(orthanc.dicomPort, 'ORTHANC', late);
  const both = await resultsArrived(orthanc, phantom.studyUid, 6, 120);
  const { series, history } = await service.reached(phantom.seriesUid, ['done'], 30);
  expect(series).toMatchObject({ revision: 2, instances: phantom.files.length + 1 });
  expect(history.map(({ sentence }) => sentence)).toContain(
    'Another instance arrived; the series is analysed again with it.',
  );

  const old = new Set(first.map(({ sopInstanceUid }) => sopInstanceUid));
  const second = both.filter(({ sopInstanceUid }) => !old.has(sopInstanceUid));
  expect(second.map(({ modality }) => modality).sort()).toEqual(['OT', 'SEG', 'SR']);
  const after = await contentOf(orthanc, phantom.studyUid);
  for (const [uid, md5] of before) expect(after.get(uid)).toBe(md5);

  const [was, is] = [report(first), report(second)];
  expect(is.seriesUid).not.toBe(was.seriesUid);
  const named = await predecessorsOf(is);
  expect(named).toEqual([was.sopInstanceUid]);
  expect(await predecessorsOf(was)).toEqual([]);
});

test('a series with a hole comes back as a report "Not Attempted" with the code and what to do, and without a SEG', async () => {
  const phantom = await makePhantom(join(folder, 'hole'), { slices: 32 });
  phantom.files.splice(10, 4);
  await storescu(orthanc.dicomPort, 'ORTHANC', ...phantom.files);
  const { series } = await service.reached(phantom.seriesUid, ['refused'], 60);
  expect(series.code).toBe('RAUNET_INCOMPLETE');

  const results = await resultsArrived(orthanc, phantom.studyUid, 1, 30);
  expect(results.map(({ modality }) => modality)).not.toContain('SEG');
  const { stdout } = await run(
    'dsrdump',
    '+U8',
    '+Pc',
    '+Pl',
    await download(orthanc, report(results), folder),
  );
  expect(stdout).toMatch(/Analysis Performed.*"Not Attempted"/);
  expect(stdout).toMatch(/RAUNET_INCOMPLETE/);
  expect(stdout).toMatch(/Send the missing slices/);
});

test('a series that names two patients goes nowhere under either name: the administrator is told, nobody else', async () => {
  const phantom = await makePhantom(join(folder, 'two'), { slices: 34 });
  await run('dcmodify', '-nb', '-m', 'PatientID=ANOTHER', ...phantom.files.slice(20));
  // By way of Orthanc these would be two series.
  await storescu(service.dicomPort, 'RAUNET', ...phantom.files);
  const { series, results, deliveries } = await service.reached(phantom.seriesUid, ['failed'], 60);
  expect(series.code).toBe('RAUNET_MIXED_PATIENTS');
  expect([results, deliveries]).toEqual([[], []]);
  expect(await resultsOf(orthanc, phantom.studyUid)).toEqual([]);
});

test('SIGTERM in mid-analysis ends cleanly; started again, the service finishes the series, once', async () => {
  const phantom = await makePhantom(join(folder, 'interrupted'), { slices: 33 });
  await storescu(orthanc.dicomPort, 'ORTHANC', ...phantom.files);
  await service.reached(phantom.seriesUid, ['inference'], 60);
  await service.stop();
  // Finished within the time that a stop may take, or handed back: both are right, losing it or doubling it is not.
  await service.start();
  await resultsArrived(orthanc, phantom.studyUid, 3, 180);
  const { series, results, deliveries } = await service.reached(phantom.seriesUid, ['done'], 60);
  expect(series.revision).toBe(1);
  expect(deliveries).toMatchObject([{ destination: 'pacs', revision: 1, state: 'sent' }]);
  const stored = await resultsOf(orthanc, phantom.studyUid);
  expect(stored.map(({ modality }) => modality).sort()).toEqual(['OT', 'SEG', 'SR']);
  expect(stored.map(({ sopInstanceUid }) => sopInstanceUid).sort()).toEqual(
    results.map(({ sopInstanceUid }) => sopInstanceUid).sort(),
  );
});

test('where the PACS can be asked for its count, the quiet time need not pass: C-FIND ends the wait', async () => {
  const raunetPort = await freePort();
  const pacs = await startOrthanc({ raunetPort });
  const asking = await startService({
    dicomPort: raunetPort,
    pacsPort: pacs.dicomPort,
    quietSeconds: 3600,
    config: { series: { queryDestination: 'pacs' } },
  }).catch(async (error: unknown) => {
    await pacs.stop();
    throw error;
  });
  try {
    const phantom = await makePhantom(join(folder, 'counted'), { slices: 31 });
    await storescu(pacs.dicomPort, 'ORTHANC', ...phantom.files);
    const { history } = await asking.reached(phantom.seriesUid, ['done'], 180);
    expect(history.map(({ sentence }) => sentence)).toContain(
      'Complete: all of 31 expected instances received.',
    );
    await resultsArrived(pacs, phantom.studyUid, 3, 60);
  } finally {
    await asking.dispose();
    await pacs.stop();
  }
});

const report = (results: readonly Stored[]): Stored => results.find(({ modality }) => modality === 'SR')!;

/** SOP Instance UIDs of the Predecessor Documents Sequence (PS3.3 C.17.2). */
async function predecessorsOf(sr: Stored): Promise<string[]> {
  const { PredecessorDocumentsSequence: named } = await attributesOf(orthanc, sr);
  return [...valuesOf(named, 'ReferencedSOPInstanceUID')];
}
