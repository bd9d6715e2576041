import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PlainDataSet } from '../../src/dicom/write';
import { silentLog } from '../../src/lib/log';
import { analyse, readHeaders } from '../../src/pipeline';
import type { Vector } from '../../src/series/types';
import { openDecoder } from '../../src/volume/decoder';
import type { Decoder } from '../../src/volume/types';
import { ctFile, ctSlice, vector } from '../fixtures/ct';
import { makePhantom } from '../fixtures/phantom';
import { closeAll, open } from './inference/service';
import { ball, chest, everyMm, type Lesion } from './mask/chest';
import { PREPROCESSING } from './tensor/golden';

jest.setTimeout(120_000);

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'raunet-pipeline-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(closeAll);

const sender = { callingAe: null, calledAe: null };

describe('the patient of a series', () => {
  const headersOf = async (...patients: PlainDataSet[]) => {
    const files = patients.map((_, i) => join(folder, `${i}.dcm`));
    await Promise.all(patients.map((patient, i) => writeFile(files[i]!, ctFile(patient))));
    return readHeaders(files, sender);
  };

  test.each<[string, PlainDataSet, PlainDataSet]>([
    ['another id', { PatientID: 'A17' }, { PatientID: 'B17' }],
    ['an id of another issuer', { PatientID: 'A17', IssuerOfPatientID: 'X' }, { PatientID: 'A17' }],
    ['an id in one alone', { PatientID: 'A17', PatientName: 'Z' }, { PatientName: 'Z' }],
    ['no id and another name', { PatientName: 'Doe^A' }, { PatientName: 'Doe^B' }],
  ])('%s: refused, and the message names nobody', async (_, one, other) => {
    const refused = headersOf(one, one, other).catch((error: unknown) => error);
    expect(await refused).toMatchObject({ code: 'RAUNET_MIXED_PATIENTS', context: { detail: '2.dcm' } });
    expect(String(await refused)).not.toMatch(/17|Doe/);
  });

  test.each<[string, PlainDataSet, PlainDataSet]>([
    ['a corrected name', { PatientID: 'A17', PatientName: 'Doe' }, { PatientID: 'A17', PatientName: 'Roe' }],
    ['an id that is padded', { PatientID: 'A17' }, { PatientID: 'A17 ' }],
    ['no patient at all', {}, {}],
  ])('%s is the same patient', async (_, one, other) => {
    expect((await headersOf(one, other)).slices).toHaveLength(2);
  });
});

test('a header that is gone and one that cannot be read now are told apart', async () => {
  const [gone, unreadable] = [join(folder, 'gone.dcm'), join(folder, 'unreadable.dcm')];
  await symlink(unreadable, unreadable);
  await expect(readHeaders([gone], sender)).rejects.toMatchObject({
    code: 'RAUNET_SPOOL_MISSING',
    context: { stage: 'series', detail: 'gone.dcm is gone' },
  });
  await expect(readHeaders([unreadable], sender)).rejects.toMatchObject({
    code: 'RAUNET_SPOOL_READ',
    context: { stage: 'series', detail: 'unreadable.dcm: ELOOP' },
  });
});

test('a result has the frame of reference of what was analysed, not of a localizer beside it', async () => {
  const { files } = await makePhantom(join(folder, 'beside-localizer'), { slices: 12 });
  const { source: header } = await readHeaders(files.slice(0, 1), sender);
  const localizer = join(folder, 'localizer.dcm');
  await writeFile(
    localizer,
    ctFile({
      PatientID: header.string('PatientID')!,
      ImageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'],
      FrameOfReferenceUID: '1.2.3.9',
    }),
  );
  const decoder = openDecoder({ threads: 1, timeoutSeconds: 20 });
  const inference = await open({ contract: 'onnx/contract.json', threads: 2 }, { root: process.cwd() });
  const deps = { decoder, inference, log: silentLog, limits: { maxVolumeBytes: 1e9 } };

  const { source } = await analyse(await readHeaders([localizer, ...files], sender), deps, {
    report: () => {},
  });
  await decoder.close();

  expect(source.string('FrameOfReferenceUID')).toBe(header.string('FrameOfReferenceUID'));
});

test('a patient whose slices are stored upside down has the same lesions, at the same place', async () => {
  const { files } = await makePhantom(join(folder, 'phantom'), { slices: 12 });
  const headers = await readHeaders(files, sender);
  const decoder = openDecoder({ threads: 1, timeoutSeconds: 20 });
  const inference = await open({ contract: 'onnx/contract.json', threads: 2 }, { root: process.cwd() });
  const deps = { inference, log: silentLog, limits: { maxVolumeBytes: 1e9 } };
  const run = { report: () => {} };

  const upright = await analyse(headers, { ...deps, decoder }, run);

  /** The last pixel of the slice becomes the first. */
  const farCorner = (position: Vector | null, rows: number, columns: number, spacing: Vector | null) => {
    const [x, y, z] = position!.values as [number, number, number];
    const [betweenRows, betweenColumns] = spacing!.values as [number, number];
    return vector(x + (columns - 1) * betweenColumns, y + (rows - 1) * betweenRows, z);
  };
  const slices = headers.slices.map((slice) => ({
    ...slice,
    orientation: vector(-1, 0, 0, 0, -1, 0),
    position: farCorner(slice.position, slice.rows, slice.columns, slice.pixelSpacing),
  }));
  const turning: Decoder = { ...decoder, decode: async (slice) => (await decoder.decode(slice)).reverse() };
  const turned = await analyse({ ...headers, slices }, { ...deps, decoder: turning }, run);
  await decoder.close();

  const volumes = ({ measurements }: typeof upright) => measurements.classes.map(({ volumeMl }) => volumeMl);
  expect(Math.min(...volumes(upright))).toBeGreaterThan(5);
  volumes(upright).forEach((volume, i) => expect(volumes(turned)[i]).toBeCloseTo(volume, 1));
  const same = upright.mask.flatMap((slice, k) => {
    const back = turned.mask[k]!.slice().reverse();
    return [slice.filter((value, i) => value > 0 && value === back[i]).length];
  });
  const found = upright.mask.map((slice) => slice.filter((value) => value > 0).length);
  const sum = (counts: number[]) => counts.reduce((a, b) => a + b, 0);
  expect(sum(same) / sum(found)).toBeGreaterThan(0.98);
});

test('a long scan on a couch that touches the back has the same lesion, whatever way it is stored', async () => {
  const file = join(folder, 'header.dcm');
  await writeFile(file, ctFile());
  const headers = await readHeaders([file], sender);
  /** Stands for the model: what is as dense as the lesion is one. */
  const inference = {
    preprocessing: PREPROCESSING,
    batchSize: 4,
    classify: async (images: Float32Array) =>
      Uint8Array.from(images, (value) => (value > 0.43 && value < 0.51 ? 1 : 0)),
  };
  const lesion: Lesion = { shape: ball([80, 20, 0], 26), says: 1, hu: -550 };

  for (const orientation of [
    [1, 0, 0, 0, 1, 0],
    [0, 1, 0, 1, 0, 0],
    [0, 1, 0, -1, 0, 0], // a quarter turn: not its own inverse
  ]) {
    const distancesMm = everyMm(6, -260, 140);
    const made = chest({ lesions: [lesion], orientation, rows: 100, columns: 100, distancesMm });
    const slices = distancesMm.map((distanceMm, k) =>
      ctSlice(made.volume.series.normal[2] * distanceMm, {
        file,
        instanceNumber: k,
        orientation: vector(...orientation),
        rows: made.volume.rows,
        columns: made.volume.columns,
        pixelSpacing: vector(...made.volume.spacingMm),
      }),
    );
    const decoder: Decoder = {
      threads: 1,
      decode: async ({ instanceNumber }) => Int16Array.from(made.volume.huSlice(instanceNumber!)),
      forget: () => {},
      close: async () => {},
    };
    const { mask, measurements } = await analyse(
      { ...headers, slices },
      { decoder, inference, log: silentLog, limits: { maxVolumeBytes: 1e9 } },
      { report: () => {} },
    );

    const truthMl = made.millilitres(lesion.shape);
    expect(measurements.lungGateReason).toBeNull();
    expect(measurements.classes[0].sideMl!.left / truthMl).toBeCloseTo(1, 1);
    const truth = made.raw();
    const missed = truth.flatMap((slice, k) =>
      [...slice].filter((value, i) => value === 1 && mask[k]![i] !== 1),
    );
    expect(missed.length / truth.flatMap((slice) => [...slice].filter(Boolean)).length).toBeLessThan(0.1);
  }
});
