/** Class index per pixel on the grid of its volume: masks[k][row * columns + column], 0 background, 1 GGO, 2 consolidation, 3 effusion. */
export type LesionMask = readonly Uint8Array[];

export type ClassIndex = 1 | 2 | 3;
export type Side = 'right' | 'left';

/** Null where nothing trustworthy can be said. Volumes in mL, attenuation in HU. */
export interface ClassMeasurement {
  classIndex: ClassIndex;
  voxels: number;
  volumeMl: number;
  /** Null where the two lungs were not found. */
  sideMl: Record<Side, number> | null;
  /** Padding left out; null where the class is absent. */
  meanHu: number | null;
  /** Of both lungs' volume, %; null without a trusted lung mask, and for effusion. */
  percentOfLung: number | null;
}

export interface LungMeasurement {
  /** Lesions included, effusion and central airways excluded. */
  volumeMl: number;
  /** (GGO + consolidation) / lung, %. */
  affectedPercent: number;
  /** Geometric thirds of the lung's height, apex to base, each 0-4. Of `total`: the sums of both sides, each 0-8. */
  zoneScores: readonly [number, number, number];
}

export interface Measurements {
  classes: readonly [ClassMeasurement, ClassMeasurement, ClassMeasurement];
  /**
   * Null where the quality gate says no: then percentages and scores are left out, not guessed.
   * severityScore: sum of the six zone scores, 0-24 (99RAUNET; defined in measure.ts).
   */
  lungs: (Record<Side | 'total', LungMeasurement> & { severityScore: number }) | null;
  /** Why there are no percentages, in one sentence; null where there are. */
  lungGateReason: string | null;
}

/** What the clean-up took away, in mL, by rule. */
export interface RemovedMl {
  outsideBody: number;
  boneOrContrast: number;
  airway: number;
  chestWall: number;
  awayFromLung: number;
  thin: number;
  speck: number;
}

export interface AnalysedMask {
  mask: LesionMask;
  measurements: Measurements;
  removedMl: RemovedMl;
}
