import { PADDING_HU, type HuVolume } from '../volume/types';
import { lungGate } from './gate';
import type { LungMask } from './lungs';
import { headLast, LEFT, RIGHT, xOf } from './sides';
import type { ClassIndex, ClassMeasurement, LesionMask, LungMeasurement, Measurements, Side } from './types';

const EFFUSION = 3;
const SIDES = ['right', 'left'] as const;
const LABEL: Record<Side, number> = { right: RIGHT, left: LEFT };

/** Sums over one slice: mL by side and class (0 healthy lung), HU by class. */
interface SliceSums {
  ml: Record<Side, Float64Array>;
  voxels: Float64Array;
  hu: Float64Array;
  huVoxels: Float64Array;
  /** Lung by threshold, mm2. */
  lungMm2: number;
}

/**
 * Volumes, attenuation and, where the gate allows, percentages and scores.
 *
 * Volume = voxels x pixel area x half the distance to both neighbours. Lung = aerated lung + GGO + consolidation,
 * without effusion. A lesion outside the lung mask counts for the side of the mid-line that it lies on. Padded pixels
 * have no HU. Zones are geometric thirds of the lungs' length; 99RAUNET severity score of a zone: 0 below 1 % affected,
 * 1 below 25 %, 2 below 50 %, 3 below 75 %, 4 above; their sum over both lungs is 0-24.
 */
export function measure(volume: HuVolume, mask: LesionMask, lungs: LungMask): Measurements {
  const slices = mask.map((_, k) => sumsOf(volume, mask, lungs, k));
  const total = (pick: (slice: SliceSums) => number): number =>
    slices.reduce((sum, slice) => sum + pick(slice), 0);
  const lungMl = (side: Side): number => total(({ ml }) => ml[side][0]! + ml[side][1]! + ml[side][2]!);
  const affectedMl = (side: Side): number => total(({ ml }) => ml[side][1]! + ml[side][2]!);
  const [rightMl, leftMl] = [lungMl('right'), lungMl('left')];

  const reason = lungGate({
    rightMl,
    leftMl,
    denseMl: total(({ ml }) => ml.right[2]! + ml.left[2]! + ml.right[3]! + ml.left[3]!),
    endsMm2: [slices[0]!.lungMm2, slices.at(-1)!.lungMm2],
  });
  const classOf = (c: ClassIndex): ClassMeasurement => {
    const sideMl = { right: total(({ ml }) => ml.right[c]!), left: total(({ ml }) => ml.left[c]!) };
    const volumeMl = sideMl.right + sideMl.left;
    const huVoxels = total((slice) => slice.huVoxels[c]!);
    return {
      classIndex: c,
      voxels: total((slice) => slice.voxels[c]!),
      volumeMl,
      sideMl: lungs.midlineX === null ? null : sideMl,
      meanHu: huVoxels === 0 ? null : total((slice) => slice.hu[c]!) / huVoxels,
      percentOfLung: reason !== null || c === EFFUSION ? null : (100 * volumeMl) / (rightMl + leftMl),
    };
  };
  const ofLung = (sides: readonly Side[]): LungMeasurement => {
    const lung = sides.reduce((sum, side) => sum + lungMl(side), 0);
    const affected = sides.reduce((sum, side) => sum + affectedMl(side), 0);
    return {
      volumeMl: lung,
      affectedPercent: lung === 0 ? 0 : (100 * affected) / lung,
      zoneScores: zones(slices, sides, headLast(volume)),
    };
  };
  const measured =
    reason === null ? { right: ofLung(['right']), left: ofLung(['left']), total: ofLung(SIDES) } : null;
  return {
    classes: [classOf(1), classOf(2), classOf(3)],
    lungs:
      measured === null
        ? null
        : { ...measured, severityScore: sum(measured.right.zoneScores) + sum(measured.left.zoneScores) },
    lungGateReason: reason,
  };
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

function sumsOf(volume: HuVolume, mask: LesionMask, { labels, midlineX }: LungMask, k: number): SliceSums {
  const hu = volume.huSlice(k);
  const pixelMm2 = volume.spacingMm[0] * volume.spacingMm[1];
  const voxelMl = (pixelMm2 * volume.series.extentsMm[k]!) / 1000;
  const at = xOf(volume);
  const sums: SliceSums = {
    ml: { right: new Float64Array(4), left: new Float64Array(4) },
    voxels: new Float64Array(4),
    hu: new Float64Array(4),
    huVoxels: new Float64Array(4),
    lungMm2: 0,
  };
  const [classes, sides] = [mask[k]!, labels[k]!];
  for (let i = 0; i < classes.length; i += 1) {
    const c = classes[i]!;
    const label = sides[i]!;
    if (c === 0 && label === 0) continue;
    if (label !== 0) sums.lungMm2 += pixelMm2;
    const right = label === 0 ? midlineX === null || at(k, i) < midlineX : label === LABEL.right;
    const ml = sums.ml[right ? 'right' : 'left'];
    ml[c]! += voxelMl;
    if (c === 0) continue;
    sums.voxels[c]! += 1;
    if (hu[i] === PADDING_HU) continue;
    sums.hu[c]! += hu[i]!;
    sums.huVoxels[c]! += 1;
  }
  return sums;
}

/** Apex to base: thirds of the slices that hold lung of these sides. */
function zones(
  slices: readonly SliceSums[],
  sides: readonly Side[],
  isHeadLast: boolean,
): [number, number, number] {
  const of = ({ ml }: SliceSums, classes: readonly number[]): number =>
    sum(sides.flatMap((side) => classes.map((c) => ml[side][c]!)));
  const held = slices.filter((slice) => of(slice, [0, 1, 2]) > 0);
  if (isHeadLast) held.reverse();
  const third = (n: number): number => {
    const part = held.slice(Math.round((n * held.length) / 3), Math.round(((n + 1) * held.length) / 3));
    const lung = sum(part.map((slice) => of(slice, [0, 1, 2])));
    return lung === 0 ? 0 : scoreOf((100 * sum(part.map((slice) => of(slice, [1, 2])))) / lung);
  };
  return [third(0), third(1), third(2)];
}

const scoreOf = (percent: number): number =>
  percent < 1 ? 0 : percent < 25 ? 1 : percent < 50 ? 2 : percent < 75 ? 3 : 4;
