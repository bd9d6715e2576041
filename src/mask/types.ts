/** Class index per pixel on the source grid: masks[k][row * columns + column], 0 background, 1 GGO, 2 consolidation, 3 effusion. */
export type LesionMask = readonly Uint8Array[];

export type ClassIndex = 1 | 2 | 3;
export type Side = 'right' | 'left';

/** Null where nothing trustworthy can be said. Volumes in mL, attenuation in HU. */
export interface ClassMeasurement {
  classIndex: ClassIndex;
  voxels: number;
  volumeMl: number;
  sideMl: Record<Side, number> | null;
  meanHu: number | null;
  /** Of lung volume, %; null without a trusted lung mask, and for effusion. */
  percentOfLung: number | null;
}

export interface LungMeasurement {
  volumeMl: number;
  /** (GGO + consolidation) / lung, %. */
  affectedPercent: number;
  /** Geometric thirds, apex to base, each 0-4. */
  zoneScores: readonly [number, number, number];
}

export interface Measurements {
  classes: readonly [ClassMeasurement, ClassMeasurement, ClassMeasurement];
  /** Null where the quality gate says no: then percentages and scores are left out, not guessed. */
  lungs: (Record<Side | 'total', LungMeasurement> & { severityScore: number }) | null;
  /** Why there are no percentages, in one sentence; null where there are. */
  lungGateReason: string | null;
}
