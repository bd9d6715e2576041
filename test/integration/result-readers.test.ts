import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildRefusalResults, buildResults } from '../../src/result/results';
import type { EncodedObject } from '../../src/result/types';
import { cornerstone, dciodvfy, peer, python, run } from '../fixtures/peer-tools';
import { context, type Source, type SourceOptions, source } from '../fixtures/result-source';

// Other people's readers on our results. .ci/install-peers.sh installs them.
jest.setTimeout(180_000);

/** Axes of a body that lies crooked: nothing is parallel to x, y or z. */
const OBLIQUE = {
  orientation: ['0.984807753', '0.171010072', '0.030153690', '-0.173648178', '0.969846310', '0.171010072'],
  normal: [0, -0.173648178, 0.984807753] as const,
};

const SOURCES: Record<string, Partial<SourceOptions>> = {
  'single-frame CT': {},
  'Enhanced CT': { enhanced: true },
  'oblique slices with oblong pixels': {
    orientation: OBLIQUE.orientation,
    pixelSpacing: ['0.75', '1.1'],
    position: (k) => OBLIQUE.normal.map((n, i) => ([-120, -110, 30][i]! + 3 * k * n).toFixed(6)),
  },
  'a tilted gantry': {
    position: (k) => ['-125', (-124.5 + 0.8 * k).toFixed(3), (-310 + 2.4 * k).toFixed(3)],
  },
  // The cornerstone adapters cannot read frames that need the byte of padding that PS3.5 8.1.1 asks for; these do not.
  'slices that fill no whole bytes': { rows: 38, columns: 45 },
  'a name in GB18030, and no more than the required attributes': {
    encodedName: {
      characterSet: 'GB18030',
      bytes: Buffer.from('57616e675e5869616f446f6e673dcdf55ed0a1b6ab', 'hex'),
    },
    dataset: Object.fromEntries(
      ['PatientID', 'PatientBirthDate', 'PatientSex', 'StudyID', 'AccessionNumber', 'ReferringPhysicianName']
        .concat(['IssuerOfPatientID', 'StudyDate', 'StudyTime', 'SeriesDescription', 'SeriesNumber'])
        .map((keyword) => [keyword, undefined]),
    ),
  },
  // PS3.5 H.3.1
  'a Japanese name in ISO 2022': {
    encodedName: {
      characterSet: '\\ISO 2022 IR 87',
      bytes: Buffer.from(
        'Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B',
        'latin1',
      ),
    },
  },
  'one lesion of one voxel': { mask: oneVoxel(12, 40 * 48) },
};

const NAMES: Record<string, string> = {
  'a Japanese name in ISO 2022': 'Yamada^Tarou=山田^太郎=やまだ^たろう',
  'a name in GB18030, and no more than the required attributes': 'Wang^XiaoDong=王^小东',
};

describe.each(Object.entries(SOURCES))('results of %s', (name, options) => {
  let folder: string;
  let ct: Source;
  let objects: Record<EncodedObject['kind'], string>;
  let expected: Buffer;
  let sources: string[];

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'raunet-readers-'));
    ct = source(options);
    expected = Buffer.concat(ct.analysis.mask);
    sources = await Promise.all(ct.files.map((bytes, i) => save(folder, `source-${i}.dcm`, bytes)));
    const made = buildResults(ct.analysis, context({ srKeyRegions: true }));
    const saved = await Promise.all(
      made.map(async ({ kind, bytes }) => [kind, await save(folder, `${kind}.dcm`, bytes)] as const),
    );
    objects = Object.fromEntries(saved) as typeof objects;
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('dciodvfy finds no error in SEG, SR and SC', async () => {
    for (const file of Object.values(objects)) expect((await dciodvfy(file)).errors).toEqual([]);
  });

  test('dsrdump accepts the SR', async () => {
    const { stdout } = await run('dsrdump', '+U8', objects.SR);
    expect(stdout).toContain('Imaging Measurement Report');
  });

  test('pydicom and highdicom read the SEG voxel for voxel, with the strings of the source', async () => {
    const read = JSON.parse(await python('read_seg.py', folder, objects.SEG, ...sources));
    expect(await readFile(path.join(folder, 'pydicom.bin'))).toEqual(expected);
    expect(await readFile(path.join(folder, 'highdicom.bin'))).toEqual(expected);
    expect(read.patientName).toBe(NAMES[name] ?? 'Test^Patient');
    const positions = ct.analysis.series.slices.map((slice) => slice.position!.strings.join('\\'));
    expect(positions).toEqual(expect.arrayContaining(read.positions));
  });

  test('highdicom reads the groups of the SR, tracked as the segments are', async () => {
    const [groups] = JSON.parse(await python('read_sr.py', objects.SR)) as Group[][];
    const found = ct.analysis.measurements.classes.filter(({ voxels }) => voxels > 0);
    const segments = groups!.filter(({ segment }) => segment !== null);
    expect(segments.map(({ segment }) => segment)).toEqual(found.map(({ classIndex }) => classIndex));
    for (const [i, { numbers }] of segments.entries())
      expect(numbers[0]).toEqual({
        name: 'Volume',
        value: expect.closeTo(found[i]!.volumeMl, 3),
        unit: 'mL',
      });
  });

  test('the cornerstone adapters, which OHIF loads a SEG with, read it voxel for voxel', async () => {
    const out = path.join(folder, 'cornerstone.bin');
    expect(await cornerstone(objects.SEG, out, sources)).toEqual({
      overlapping: false,
      segments: [
        { number: 1, label: 'Ground-glass opacity' },
        { number: 2, label: 'Consolidation' },
        { number: 3, label: 'Pleural effusion' },
      ],
    });
    expect(await readFile(out)).toEqual(expected);
  });

  test('dcmqi converts the SEG voxel for voxel and reads the SR', async () => {
    const images = path.join(folder, 'nrrd');
    await mkdir(images);
    await run(
      peer('segimage2itkimage'),
      '--inputDICOM',
      objects.SEG,
      '--outputDirectory',
      images,
      '--outputType',
      'nrrd',
    );
    const out = path.join(folder, 'dcmqi.bin');
    const [p, q] = ct.analysis.series.slices.map((slice) => slice.position!.values);
    const step = q!.map((x, i) => x - p![i]!);
    await python('read_nrrd.py', out, String(ct.analysis.mask.length), p!.join(','), step.join(','), images);
    expect(await readFile(out)).toEqual(expected);
    const json = path.join(folder, 'tid1500.json');
    await run(peer('tid1500reader'), '--inputDICOM', objects.SR, '--outputMetadata', json);
    const { Measurements } = JSON.parse(await readFile(json, 'utf8'));
    const found = ct.analysis.measurements.classes.filter(({ voxels }) => voxels > 0);
    expect(
      Measurements.map((group: { ReferencedSegment: number }) => group.ReferencedSegment).filter(Boolean),
    ).toEqual(found.map(({ classIndex }) => classIndex));
  });
});

describe('reports without a SEG, and the optional forms', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'raunet-readers-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test('a negative report and a report of a refusal pass dciodvfy, dsrdump and highdicom', async () => {
    const { analysis } = source({ mask: Array.from({ length: 12 }, () => new Uint8Array(40 * 48)) });
    const { series, source: header } = analysis;
    const refusal = {
      summary: series.summary,
      source: header,
      slices: series.slices,
      outcome: 'Not Attempted' as const,
      code: 'RAUNET_NOT_CHEST',
      sentence: 'No lung was found in the images.',
    };
    const predecessor = {
      seriesUid: '2.25.1',
      sopClassUid: '1.2.840.10008.5.1.4.1.1.88.33',
      sopInstanceUid: '2.25.2',
    };
    const made = [
      ...buildResults(analysis, context()),
      ...buildRefusalResults(refusal, { ...context(), predecessor }),
    ];
    expect(made.map(({ kind }) => kind)).toEqual(['SR', 'SC', 'SR', 'SC']);
    const files = await Promise.all(made.map(({ bytes }, i) => save(folder, `${i}.dcm`, bytes)));
    for (const file of files) expect((await dciodvfy(file)).errors).toEqual([]);
    const reports = files.filter((_, i) => made[i]!.kind === 'SR');
    for (const file of reports) await run('dsrdump', '+U8', file);
    const [negative, refused] = JSON.parse(await python('read_sr.py', ...reports)) as Group[][];
    expect(negative!.slice(0, 3).map(({ numbers }) => numbers[0])).toEqual(
      Array(3).fill({ name: 'Volume', value: 0, unit: 'mL' }),
    );
    expect(refused).toEqual([]);
  });

  test('deflated, with empty frames kept, and as blank frames: read by pydicom and highdicom', async () => {
    const blank = Array.from({ length: 12 }, () => new Uint8Array(40 * 48));
    const variants = [
      { given: source(), options: { segDeflated: true } },
      { given: source(), options: { segKeepEmptyFrames: true } },
      { given: source({ mask: blank }), options: { segWhenEmpty: 'blank' as const } },
    ];
    for (const { given, options } of variants) {
      const [seg] = buildResults(given.analysis, context(options));
      const file = await save(folder, 'SEG.dcm', seg!.bytes);
      const sources = await Promise.all(
        given.files.map((bytes, i) => save(folder, `source-${i}.dcm`, bytes)),
      );
      if (!('segDeflated' in options)) expect((await dciodvfy(file)).errors).toEqual([]);
      await python('read_seg.py', folder, file, ...sources);
      const expected = Buffer.concat(given.analysis.mask);
      expect(await readFile(path.join(folder, 'pydicom.bin'))).toEqual(expected);
      expect(await readFile(path.join(folder, 'highdicom.bin'))).toEqual(expected);
    }
  });

  test('overlay pictures pass dciodvfy', async () => {
    const { analysis } = source();
    const overlays = buildResults(analysis, context({ summary: false, overlays: true })).filter(
      ({ kind }) => kind === 'SC',
    );
    expect(overlays.length).toBeGreaterThan(3);
    for (const { bytes } of overlays)
      expect((await dciodvfy(await save(folder, 'overlay.dcm', bytes))).errors).toEqual([]);
  });
});

interface Group {
  tracking: string;
  uid: string;
  finding: string;
  segment: number | null;
  numbers: { name: string; value: number; unit: string }[];
}

async function save(folder: string, name: string, bytes: Buffer): Promise<string> {
  const file = path.join(folder, name);
  await writeFile(file, bytes);
  return file;
}

function oneVoxel(slices: number, pixels: number): Uint8Array[] {
  const mask = Array.from({ length: slices }, () => new Uint8Array(pixels));
  mask[5]![pixels >> 1] = 2;
  return mask;
}
