import { arePlausibleHu, huOf } from '../../../src/volume/hu';
import { PADDING_HU } from '../../../src/volume/types';
import { ctSlice } from '../../fixtures/ct';

const hu = (stored: number[], changes: object) => [...huOf(Int16Array.from(stored), ctSlice(0, changes))];

test('HU = slope * stored + intercept, of this slice (PS3.3 C.11.1.1.2)', () => {
  expect(hu([0, 1024, 3000], { rescaleIntercept: -1024 })).toEqual([-1024, 0, 1976]);
  expect(hu([0, 100], { rescaleSlope: 2.5, rescaleIntercept: -1000 })).toEqual([-1000, -750]);
});

test('MONOCHROME1 is display only: HU are not inverted', () =>
  expect(hu([0, 1024], { photometric: 'MONOCHROME1', rescaleIntercept: -1024 })).toEqual([-1024, 0]));

test('the padding value is padding, before rescale', () =>
  expect(hu([-5, -4, 7], { padding: { low: -5, high: -5 } })).toEqual([PADDING_HU, -4, 7]));

test('the padding range is padding, both ends included', () =>
  expect(hu([-6, -5, -3, -2], { padding: { low: -5, high: -3 } })).toEqual([-6, PADDING_HU, PADDING_HU, -2]));

test.each([
  [-2000, 0],
  [-2048, 0],
  [-2000, -1024],
  [-2003, -1024],
])('the field-of-view circle at %d (intercept %d) is padding, named or not', (stored, rescaleIntercept) =>
  expect(hu([stored, 0], { rescaleIntercept })).toEqual([PADDING_HU, rescaleIntercept]),
);

test('what a sharp kernel undershoots in air is no padding', () => expect(hu([-1400], {})).toEqual([-1400]));

describe('values without a rescale', () => {
  const plausible = (...values: number[]) => arePlausibleHu([Float32Array.from(values)]);
  test('are HU where air and soft tissue stand where they belong', () => {
    expect(plausible(-1000, -850, 40, 60, 900)).toBe(true);
    expect(plausible(PADDING_HU, -1000, -850, 40, 60, 900)).toBe(true);
  });
  test('are none where they count from 0, hold no air, or nothing', () => {
    expect(plausible(0, 24, 174, 1064, 1084, 1924)).toBe(false);
    expect(plausible(0, 40, 60, 900)).toBe(false);
    expect(plausible(-1000, -850, -900, 2000)).toBe(false);
    expect(plausible(-5000, -850, 40, 60)).toBe(false);
    expect(plausible(PADDING_HU)).toBe(false);
  });
});
