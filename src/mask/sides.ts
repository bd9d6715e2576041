import type { HuVolume } from '../volume/types';

/** Right and left lung in a label image; the patient's sides. */
export const RIGHT = 1;
export const LEFT = 2;

/** How far a step along columns and along rows moves towards the patient's left (LPS x), mm. */
export function leftwards({ series, spacingMm }: HuVolume): { perColumn: number; perRow: number } {
  const [rowX = 1, , , columnX = 0] = series.slices[0]!.orientation!.values;
  return { perColumn: rowX * spacingMm[1], perRow: columnX * spacingMm[0] };
}

/** LPS x of a pixel centre, mm, but for a constant of the slice (its ImagePositionPatient). */
export function xOf(volume: HuVolume): (k: number, pixel: number) => number {
  const { perColumn, perRow } = leftwards(volume);
  return (k, pixel) =>
    volume.series.slices[k]!.position!.values[0]! +
    perColumn * (pixel % volume.columns) +
    perRow * Math.floor(pixel / volume.columns);
}

/** PS3.3 C.7.6.2: whether the last slice, along the normal, is the one nearest to the head. */
export const headLast = ({ series }: HuVolume): boolean => series.normal[2] > 0;
