import type { HuVolume } from '../volume/types';
import { gateReason } from './gate';
import type { Chest } from './lungs';
import { type LungSlice, SIDES, tally } from './tally';
import type { ClassIndex, ClassMeasurement, LesionMask, LungMeasurement, Measurements, Side } from './types';

type Zones = [number, number, number];

/**
 * Volumes, attenuation and shares of the lung.
 *
 * Volume = sum over voxels of pixel spacing x slice extent, so uneven slice distances count as they are. Lung volume =
 * aerated lung, closed, with ground glass and consolidation, without effusion and central airways.
 */
export async function measure(mask: LesionMask, volume: HuVolume, chest: Chest): Promise<Measurements> {
  const sums = await tally(mask, volume, chest);
  const lungGateReason = gateReason(chest, sums);
  const sides = SIDES.map(([side, label]) => [side, oneLung(sums.lungs[label], chest)] as const);
  const [[, right], [, left]] = sides as [
    readonly ['right', LungMeasurement],
    readonly ['left', LungMeasurement],
  ];
  const totalMl = right.volumeMl + left.volumeMl;
  const trusted = lungGateReason === null;

  const ofClass = (classIndex: ClassIndex): ClassMeasurement => {
    const { voxels, mm3, sideMm3, huSum, huVoxels } = sums.classes[classIndex];
    const sideMl: Record<Side, number> = { right: sideMm3[1] / 1000, left: sideMm3[2] / 1000 };
    return {
      classIndex,
      voxels,
      volumeMl: mm3 / 1000,
      sideMl: chest.lungs === null ? null : sideMl,
      meanHu: huVoxels === 0 ? null : huSum / huVoxels,
      percentOfLung: trusted && classIndex !== 3 ? mm3 / 10 / totalMl : null,
    };
  };
  const zoneScores = right.zoneScores.map((score, zone) => score + left.zoneScores[zone]!) as Zones;
  const affectedMl = (right.affectedPercent * right.volumeMl + left.affectedPercent * left.volumeMl) / 100;
  const total: LungMeasurement = {
    volumeMl: totalMl,
    affectedPercent: (100 * affectedMl) / totalMl,
    zoneScores,
  };
  return {
    classes: [ofClass(1), ofClass(2), ofClass(3)],
    lungs: trusted
      ? { right, left, total, severityScore: zoneScores.reduce((sum, score) => sum + score, 0) }
      : null,
    lungGateReason,
  };
}

function oneLung(slices: readonly LungSlice[], { grid }: Chest): LungMeasurement {
  const lungMm3 = slices.reduce((sum, slice) => sum + slice.lungMm3, 0);
  const affectedMm3 = slices.reduce((sum, slice) => sum + slice.affectedMm3, 0);
  return {
    volumeMl: lungMm3 / 1000,
    affectedPercent: (100 * affectedMm3) / lungMm3,
    zoneScores: zoneScores(slices, grid.distancesMm, grid.headLast),
  };
}

/**
 * Severity score (private scheme 99RAUNET): each lung is cut across the patient's axis into three zones of equal
 * height from its apex to its base, "geometric thirds", which are no lobes. A zone scores by the part of its lung
 * volume that is ground glass or consolidation: 0 below 1 %, 1 below 25 %, 2 below 50 %, 3 below 75 %, else 4. The
 * score is the sum over both lungs, 0 to 24.
 *
 * slices: one lung, in order of distancesMm. Returns apex first.
 */
export function zoneScores(
  slices: readonly LungSlice[],
  distancesMm: readonly number[],
  headLast: boolean,
): Zones {
  const withLung = [...slices.keys()].filter((k) => slices[k]!.lungMm3 > 0);
  if (withLung.length === 0) return [0, 0, 0];
  const first = distancesMm[withLung[0]!]!;
  const height = distancesMm[withLung.at(-1)!]! - first;
  const lung: Zones = [0, 0, 0];
  const affected: Zones = [0, 0, 0];
  for (const k of withLung) {
    const along = height === 0 ? 0 : Math.min(2, Math.floor((3 * (distancesMm[k]! - first)) / height));
    const zone = headLast ? 2 - along : along;
    lung[zone]! += slices[k]!.lungMm3;
    affected[zone]! += slices[k]!.affectedMm3;
  }
  return lung.map((mm3, zone) => scoreOf(mm3 === 0 ? 0 : affected[zone]! / mm3)) as Zones;
}

const SCORE_FROM = [0.01, 0.25, 0.5, 0.75];
const scoreOf = (part: number): number => SCORE_FROM.filter((from) => part >= from).length;
