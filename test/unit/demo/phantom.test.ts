import { createHash } from 'node:crypto';
import { chest, DEFAULT_CHEST } from '../../../src/demo/phantom/chest';
import { phantomSeries } from '../../../src/demo/phantom/series';
import { compare, dice } from '../../../src/demo/segmentation';
import { readHeader } from '../../../src/dicom/read';
import { toSlices, toSummary } from '../../../src/series/slices';
import { arrange } from '../../../src/series/arrange';

const small = { ...DEFAULT_CHEST, slices: 20, size: 96 };

test('the phantom has lesions of all three kinds inside the lungs, and none when asked', () => {
  const counts = [0, 0, 0, 0];
  const scan = chest(small);
  for (let k = 0; k < small.slices; k += 1) for (const value of scan.slice(k).truth) counts[value]! += 1;
  const voxelMl = (scan.spacingMm ** 2 * scan.sliceDistanceMm) / 1000;
  for (const kind of [1, 2, 3]) expect(counts[kind]! * voxelMl).toBeGreaterThan(40);
  expect(
    chest({ ...small, lesions: false })
      .slice(8)
      .truth.some((value) => value !== 0),
  ).toBe(false);
});

test('attenuation is plausible: ground glass between lung and water, consolidation and effusion like tissue', () => {
  const scan = chest(small);
  const hu: number[][] = [[], [], [], []];
  for (let k = 0; k < small.slices; k += 1) {
    const slice = scan.slice(k);
    slice.truth.forEach((value, i) => hu[value]!.push(slice.hu[i]!));
  }
  const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(mean(hu[1]!)).toBeGreaterThan(-650);
  expect(mean(hu[1]!)).toBeLessThan(-300);
  expect(mean(hu[2]!)).toBeGreaterThan(-150);
  expect(Math.abs(mean(hu[3]!))).toBeLessThan(40);
});

test('the same options make the same bytes and UIDs', () => {
  const digest = (): string =>
    createHash('sha256').update(phantomSeries(small).instance(7).bytes).digest('hex');
  expect(digest()).toBe(digest());
  expect(phantomSeries(small).seriesUid).not.toBe(phantomSeries({ ...small, lesions: false }).seriesUid);
});

test('the series passes every input rule without a warning', () => {
  const series = phantomSeries(small);
  const headers = Array.from({ length: series.count }, (_, k) => readHeader(series.instance(k).bytes));
  const slices = headers.flatMap((header, k) => toSlices(`${k}.dcm`, header));
  const ordered = arrange(slices, toSummary(headers[0]!, { callingAe: null, calledAe: null }));
  expect(ordered.slices).toHaveLength(20);
  expect(
    ordered.warnings
      .map(({ code }) => code)
      .filter((code) => code !== 'THICK_SLICES' && code !== 'FEW_SLICES'),
  ).toEqual([]);
});

test('found is compared with truth by voxel and class', () => {
  const truth = new Map([['a', Uint8Array.of(1, 1, 2, 0)]]);
  const overlaps = compare(new Map([['a', Uint8Array.of(1, 2, 2, 3)]]), truth);
  expect(overlaps).toEqual([
    { found: 1, truth: 2, both: 1 },
    { found: 2, truth: 1, both: 1 },
    { found: 1, truth: 0, both: 0 },
  ]);
  expect(dice(overlaps[0]!)).toBeCloseTo(2 / 3);
  expect(dice({ found: 0, truth: 0, both: 0 })).toBeNull();
});
