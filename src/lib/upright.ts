/** A volume as `volume/types` has it, as far as turning it asks. */
interface Slices {
  rows: number;
  columns: number;
  /** [between rows, between columns], mm. */
  spacingMm: readonly [number, number];
  huSlice(k: number): Float32Array;
  series: { slices: readonly { orientation: { values: readonly number[] } | null }[] };
}

/** A volume as radiologists look at it, and the way there and back. */
export interface Upright<V extends Slices> {
  /** Rows go to the patient's left, columns to the back; the series, and its slices, are those of the source. */
  volume: V;
  /** A class map of a slice as it is stored on the slice of `volume`: [rows * columns], both. */
  toUpright(mask: Uint8Array): Uint8Array;
  /** And back. */
  toStored(mask: Uint8Array): Uint8Array;
}

/**
 * Turns slices that lie on their head, face down or are mirrored: the model has only learnt from upright ones, and who
 * looks at a picture expects the patient's right on the left. By quarter turns and mirrors only, which move pixels and
 * change none.
 *
 * ImageOrientationPatient (PS3.3 C.7.6.2.1.1): row cosines point along increasing columns, column cosines along increasing
 * rows; LPS, x grows to the left, y to the back. The orientation is one for the whole series, and axial, as `series` made sure.
 */
export function upright<V extends Slices>(volume: V): Upright<V> {
  const { rows, columns, spacingMm } = volume;
  const [rowX, rowY, , columnX, columnY] = volume.series.slices[0]!.orientation!.values as number[];
  const transposed = Math.abs(rowX!) < Math.abs(rowY!);
  const mirrored = (transposed ? rowY! : rowX!) < 0;
  const upsideDown = (transposed ? columnX! : columnY!) < 0;
  if (!transposed && !mirrored && !upsideDown)
    return { volume, toUpright: (mask) => mask, toStored: (mask) => mask };

  const across = transposed ? rows : columns;
  /** For each pixel of the upright slice its index in the stored one. */
  const source = Int32Array.from({ length: rows * columns }, (_, i) => {
    const [down, right] = [Math.floor(i / across), i % across];
    const [row, column] = transposed ? [right, down] : [down, right];
    return (upsideDown ? rows - 1 - row : row) * columns + (mirrored ? columns - 1 - column : column);
  });
  return {
    volume: {
      ...volume,
      rows: transposed ? columns : rows,
      columns: across,
      spacingMm: transposed ? [spacingMm[1], spacingMm[0]] : spacingMm,
      huSlice(k: number) {
        const hu = volume.huSlice(k);
        return Float32Array.from(source, (from) => hu[from]!);
      },
    },
    toUpright: (mask) => Uint8Array.from(source, (from) => mask[from]!),
    toStored(mask) {
      const stored = new Uint8Array(mask.length);
      mask.forEach((value, i) => {
        stored[source[i]!] = value;
      });
      return stored;
    },
  };
}
