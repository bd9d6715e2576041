import type { HuVolume } from '../volume/types';

/** A volume as radiologists look at it, and the way back. */
export interface Upright {
  /** Rows go to the patient's left, columns to the back; the series, and its slices, are those of the source. */
  volume: HuVolume;
  /** A class map of a slice of `volume` on the slice as it is stored: [rows * columns], both. */
  toStored(mask: Uint8Array): Uint8Array;
}

/**
 * Turns slices that lie on their head, face down or are mirrored: the model has only learnt from upright ones, and a body
 * upside down is another picture to it. By quarter turns and mirrors only, which move pixels and change none.
 *
 * ImageOrientationPatient (PS3.3 C.7.6.2.1.1): row cosines point along increasing columns, column cosines along increasing
 * rows; LPS, x grows to the left, y to the back. The orientation is one for the whole series, and axial, as `series` made sure.
 */
export function upright(volume: HuVolume): Upright {
  const { rows, columns, spacingMm, series, huSlice } = volume;
  const [rowX, rowY, , columnX, columnY] = series.slices[0]!.orientation!.values as number[];
  const transposed = Math.abs(rowX!) < Math.abs(rowY!);
  const mirrored = (transposed ? rowY! : rowX!) < 0;
  const upsideDown = (transposed ? columnX! : columnY!) < 0;
  if (!transposed && !mirrored && !upsideDown) return { volume, toStored: (mask) => mask };

  const across = transposed ? rows : columns;
  /** For each pixel of the upright slice its index in the stored one. */
  const source = Int32Array.from({ length: rows * columns }, (_, i) => {
    const [down, right] = [Math.floor(i / across), i % across];
    const [row, column] = transposed ? [right, down] : [down, right];
    return (upsideDown ? rows - 1 - row : row) * columns + (mirrored ? columns - 1 - column : column);
  });
  return {
    volume: {
      series,
      rows: transposed ? columns : rows,
      columns: across,
      spacingMm: transposed ? [spacingMm[1], spacingMm[0]] : spacingMm,
      huSlice(k) {
        const hu = huSlice(k);
        return Float32Array.from(source, (from) => hu[from]!);
      },
    },
    toStored(mask) {
      const stored = new Uint8Array(mask.length);
      mask.forEach((value, i) => {
        stored[source[i]!] = value;
      });
      return stored;
    },
  };
}
