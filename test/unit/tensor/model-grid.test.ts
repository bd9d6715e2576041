import { RaunetError } from '../../../src/lib/errors';
import { lungStretch, modelGrid } from '../../../src/tensor/model-grid';
import type { HuVolume } from '../../../src/volume/types';
import { chest } from '../mask/chest';
import { boxOf, goldenCases, PREPROCESSING } from './golden';

const everyMm = (step: number, n: number) => Array.from({ length: n }, (_, k) => k * step);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

function volumeOf(name: string): HuVolume {
  const given = goldenCases.find((golden) => golden.name === name)!;
  return {
    rows: given.rows,
    columns: given.cols,
    spacingMm: given.spacingMm,
    huSlice: (k) => given.hu[k]!,
    series: {
      summary: { seriesUid: '1.2.3' },
      slices: given.hu.map(() => ({})),
      normal: [0, 0, 1],
      distancesMm: everyMm(30, given.slices),
      extentsMm: given.hu.map(() => 30),
      warnings: [],
    } as unknown as HuVolume['series'],
  };
}

test('a series has one lung box, and the slice below its lungs is still asked about', async () => {
  const grid = await modelGrid(volumeOf('series'), PREPROCESSING);
  expect(grid).toEqual({
    box: boxOf(goldenCases.find((golden) => golden.name === 'series')!.box!),
    lungSlices: [0, 1, 2, 3],
  });
});

test('a series without lung is refused with RAUNET_NOT_CHEST and names the series', async () => {
  const refused = modelGrid(volumeOf('no-lung'), PREPROCESSING);
  await expect(refused).rejects.toThrow(RaunetError);
  await expect(refused).rejects.toMatchObject({ code: 'RAUNET_NOT_CHEST', context: { seriesUid: '1.2.3' } });
});

test('the couch is no lung, under the back or under the side', async () => {
  const size = { rows: 112, columns: 112, distancesMm: everyMm(30, 10).map((mm) => mm - 150) };
  const onBack = await modelGrid(chest({ ...size, patientPosition: 'HFS' }).volume, PREPROCESSING);
  const onSide = await modelGrid(chest({ ...size, patientPosition: 'HFDL' }).volume, PREPROCESSING);
  expect(onSide).toEqual(onBack);
});

describe('slices that the model is asked about', () => {
  test('reach 40 mm below the last slice with lung, where effusion pools, and 15 mm above the first', () => {
    const air = everyMm(5, 60).map((_, k) => (k >= 20 && k <= 50 ? 1000 : 0));
    expect(lungStretch(air, everyMm(5, 60), true)).toEqual(range(12, 53));
    expect(lungStretch(air, everyMm(5, 60), false)).toEqual(range(17, 58));
  });

  test('keep a short white stretch amid the lungs', () => {
    const air = everyMm(5, 40).map((_, k) => ((k >= 10 && k <= 14) || (k >= 20 && k <= 30) ? 1000 : 0));
    expect(lungStretch(air, everyMm(5, 40), true)).toEqual(range(2, 33));
  });

  test('leave out bowel gas of the same scan', () => {
    const air = everyMm(5, 100).map((_, k) => (k >= 60 && k <= 90 ? 1000 : k >= 10 && k <= 20 ? 300 : 0));
    expect(lungStretch(air, everyMm(5, 100), true)).toEqual(range(52, 93));
  });
});
