import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readHeader } from '../../../src/dicom/read';
import { TRANSFER_SYNTAX } from '../../../src/dicom/uids';
import type { PlainDataSet } from '../../../src/dicom/write';
import { arrange } from '../../../src/series/arrange';
import { toSlices } from '../../../src/series/slices';
import type { OrderedSeries } from '../../../src/series/types';
import { buildVolume } from '../../../src/volume/build';
import { openDecoder } from '../../../src/volume/decoder';
import { type Decoder, PADDING_HU } from '../../../src/volume/types';
import { ctFile, ctSummary } from '../../fixtures/ct';

let folder: string;
let decoder: Decoder;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'raunet-build-'));
  decoder = openDecoder({ threads: 2, timeoutSeconds: 20 });
});
afterAll(async () => {
  await decoder.close();
  await rm(folder, { recursive: true });
});

let files = 0;
/** Each data set becomes a slice, 5 mm above the one before. */
async function series(datasets: readonly PlainDataSet[]): Promise<OrderedSeries> {
  const slices = await Promise.all(
    datasets.map(async (dataset, k) => {
      const bytes = ctFile({ ...dataset, ImagePositionPatient: ['0', '0', String(5 * k)] });
      const file = join(folder, `${files++}.dcm`);
      await writeFile(file, bytes);
      return toSlices(file, readHeader(bytes)).map((slice) => ({ ...slice, sopInstanceUid: `1.2.3.${k}` }));
    }),
  );
  return arrange(slices.flat(), ctSummary());
}

const pixels = (...values: number[]): Uint8Array =>
  new Uint8Array(Int16Array.from({ length: 64 }, (_, i) => values[i % values.length] as number).buffer);
const huOf = async (datasets: readonly PlainDataSet[], k: number): Promise<number[]> => [
  ...(await buildVolume(await series(datasets), decoder)).huSlice(k).subarray(0, 4),
];

test('rescale is applied slice by slice', async () => {
  const stored = { PixelData: pixels(100, 200) };
  const datasets = [
    { ...stored, RescaleSlope: '1', RescaleIntercept: '-1024' },
    { ...stored, RescaleSlope: '2', RescaleIntercept: '-1000' },
  ];
  expect(await huOf(datasets, 0)).toEqual([-924, -824, -924, -824]);
  expect(await huOf(datasets, 1)).toEqual([-800, -600, -800, -600]);
});

test('the volume tells its grid, and padding stands as PADDING_HU', async () => {
  const volume = await buildVolume(
    await series([
      { PixelData: pixels(-2000, 1024), PixelPaddingValue: -2000, PixelSpacing: ['0.8', '0.7'] },
    ]),
    decoder,
  );
  expect(volume).toMatchObject({ rows: 8, columns: 8, spacingMm: [0.8, 0.7] });
  expect([...volume.huSlice(0).subarray(0, 2)]).toEqual([PADDING_HU, 0]);
});

describe('rescale missing', () => {
  const bare = { RescaleSlope: null, RescaleIntercept: null };
  test('plausible HU are taken as they are', async () =>
    expect(await huOf([{ ...bare, PixelData: pixels(-1000, -850, 40, 60) }], 0)).toEqual([
      -1000, -850, 40, 60,
    ]));
  test('anything else: NO_RESCALE', async () =>
    expect(
      buildVolume(await series([{ ...bare, PixelData: pixels(24, 174, 1064, 1084) }]), decoder),
    ).rejects.toMatchObject({
      code: 'RAUNET_NO_RESCALE',
      context: { seriesUid: '1.2.3.4', detail: '1 of 1 images' },
    }));
});

test('the first corrupt slice ends it, named with instance and series; no slice is being decoded afterwards', async () => {
  const datasets = Array.from({ length: 30 }, (_, k) => ({
    PixelData: k === 4 ? new Uint8Array(10) : pixels(0),
  }));
  const shares: number[] = [];
  const build = buildVolume(await series(datasets), decoder, { progress: (share) => shares.push(share) });
  await expect(build).rejects.toMatchObject({
    code: 'RAUNET_CORRUPT_PIXELS',
    context: {
      sopInstanceUid: '1.2.3.4',
      seriesUid: '1.2.3.4',
      studyUid: '1.2.3',
      detail: 'PixelData has 10 bytes, not 128',
    },
  });
  const decoded = shares.length;
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(shares.length).toBe(decoded);
  expect(decoded).toBeLessThan(10);
});

test('progress ends at 1', async () => {
  const datasets = Array.from({ length: 20 }, () => ({ PixelData: pixels(0) }));
  const shares: number[] = [];
  await buildVolume(await series(datasets), decoder, { progress: (share) => shares.push(share) });
  expect(shares).toEqual(Array.from({ length: 20 }, (_, k) => (k + 1) / 20));
});

test('a file whose other frames nobody asks for is not kept', async () => {
  const ordered = await series([{ PixelData: pixels(0) }]);
  const slices = ordered.slices.map((slice) => ({ ...slice, frameCount: 2, rows: 4 }));
  await buildVolume({ ...ordered, slices }, decoder);
  await rm(slices[0]!.file);
  await expect(decoder.decode(slices[0]!)).rejects.toMatchObject({ code: 'RAUNET_SPOOL_MISSING' });
});

test('a deflated series is read like any other', async () => {
  const bytes = ctFile({ PixelData: pixels(24) }, TRANSFER_SYNTAX.deflatedExplicitLittleEndian);
  const file = join(folder, 'deflated.dcm');
  await writeFile(file, bytes);
  const volume = await buildVolume(arrange(toSlices(file, readHeader(bytes)), ctSummary()), decoder);
  expect(volume.huSlice(0)[0]).toBe(-1000);
});
