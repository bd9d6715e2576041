import fc from 'fast-check';
import { arrange } from '../../../src/series/arrange';
import { extents, gaps } from '../../../src/series/geometry';
import { ctSlice, ctSummary, vector } from '../../fixtures/ct';

/** Steps that make no gap: within 40 % of one another. */
const steps = fc.array(fc.double({ min: 0.5, max: 0.7, noNaN: true }), { minLength: 1, maxLength: 60 });
const positions = (all: readonly number[]): number[] =>
  all.reduce<number[]>((zs, step) => [...zs, (zs.at(-1) as number) + step], [0]);

test('every order of arrival gives the same series, ascending along the normal', () => {
  fc.assert(
    fc.property(
      steps.chain((all) => {
        const slices = positions(all).map((z) => ctSlice(z));
        return fc.tuple(fc.constant(slices), fc.shuffledSubarray(slices, { minLength: slices.length }));
      }),
      fc.boolean(),
      ([slices, shuffled], feetFirst) => {
        const orientation = feetFirst ? vector(-1, 0, 0, 0, 1, 0) : vector(1, 0, 0, 0, 1, 0);
        const turned = shuffled.map((slice) => ({ ...slice, orientation }));
        const series = arrange(turned, ctSummary());
        expect(series.slices).toHaveLength(slices.length);
        expect(series.distancesMm).toEqual([...series.distancesMm].sort((a, b) => a - b));
        series.slices.forEach((slice, k) => {
          expect(series.distancesMm[k]).toBeCloseTo(
            (slice.position?.values[2] as number) * series.normal[2],
            9,
          );
        });
      },
    ),
    { numRuns: 50 },
  );
});

test('extents are positive and add up to the length of the scan plus half a step at either end', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.1, max: 10, noNaN: true }), { minLength: 1, maxLength: 100 }),
      (all) => {
        const zs = positions(all);
        const found = extents(zs, 1);
        expect(found.every((extent) => extent > 0)).toBe(true);
        const length = (zs.at(-1) as number) + ((all[0] as number) + (all.at(-1) as number)) / 2;
        expect(found.reduce((sum, extent) => sum + extent, 0)).toBeCloseTo(length, 6);
      },
    ),
  );
});

test('one slice taken out of an even scan is one gap of one slice, wherever it is', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 20, max: 200 }),
      fc.double({ min: 0.3, max: 10, noNaN: true }),
      fc.nat(),
      (count, step, pick) => {
        const out = 1 + (pick % (count - 2));
        const zs = Array.from({ length: count }, (_, k) => k * step).filter((_, k) => k !== out);
        expect(gaps(zs).map(({ after, missing }) => [after, missing])).toEqual([[out - 1, 1]]);
      },
    ),
  );
});
