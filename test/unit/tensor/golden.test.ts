import { lungBox, sliceLung } from '../../../src/tensor/lung-box';
import { toSourceGrid, toTensor } from '../../../src/tensor/resample';
import { boxOf, goldenCases, goldenMask, goldenTensor, PREPROCESSING, STRIDE } from './golden';

const { size, lungBox: rule } = PREPROCESSING;

describe.each(goldenCases)('golden case $name', (given) => {
  const found = given.hu.map((hu) => sliceLung(hu, given.cols, given.spacingMm, 'HFS', rule));
  const box = lungBox(
    found.filter((slice) => slice !== null),
    given.rows,
    given.cols,
    rule,
  );

  test('each slice has the air box and the body centre that training finds', () => {
    expect(found.map((slice) => slice && { box: slice.box, bodyCentre2: slice.bodyCentre2 })).toEqual(
      given.perSlice.map((slice) => slice && { box: boxOf(slice.box), bodyCentre2: slice.bodyCentre2 }),
    );
  });

  test('the series has the lung box that training finds', () => {
    expect(box).toEqual(given.box && boxOf(given.box));
  });

  if (given.tensor !== undefined && given.maskBack !== undefined && given.tensorSlice !== undefined) {
    const { tensor, maskBack, tensorSlice } = given;

    test('the tensor is the one that training feeds, within 1e-5', () => {
      const ours = toTensor(given.hu[tensorSlice]!, given.cols, box!, PREPROCESSING);
      const golden = goldenTensor(tensor);
      const perLine = Math.ceil(size / STRIDE);
      expect(golden).toHaveLength(perLine * perLine);
      const worst = golden.reduce((worst, value, i) => {
        const at = Math.floor(i / perLine) * STRIDE * size + (i % perLine) * STRIDE;
        return Math.max(worst, Math.abs(value - ours[at]!));
      }, 0);
      expect(worst).toBeLessThanOrEqual(1e-5);
    });

    test('a class map comes back on the same source pixels', () => {
      const classes = Uint8Array.from(
        { length: size * size },
        (_, i) => Math.floor((7 * Math.floor(i / size) + 13 * (i % size)) / 40) % 4,
      );
      expect(toSourceGrid(classes, box!, given.rows, given.cols, PREPROCESSING)).toEqual(
        goldenMask(maskBack),
      );
    });
  }
});
