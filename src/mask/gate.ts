/** What decides whether the lung mask can be trusted with a percentage. Volumes in mL. */
export interface GateInput {
  rightMl: number;
  leftMl: number;
  /** Consolidation and effusion: what a threshold takes for chest wall. */
  denseMl: number;
  /** Lung in the first and in the last slice of the series, mm2: more than a tip means that the scan cuts the lungs. */
  endsMm2: readonly [number, number];
}

/** A left lung is smaller than the right one, but not so much. */
const MIN_RATIO = 0.4;
/** Adult lungs, from full expiration with disease to the largest inspiration. */
const [MIN_ML, MAX_ML] = [1000, 9500];
/** Above this share of the lungs the boundary of what is left is a guess. */
const MAX_DENSE_SHARE = 0.35;
const MAX_END_MM2 = 4000;

/** Null: percentages may be given. Else why not, in one sentence for the report. */
export function lungGate({ rightMl, leftMl, denseMl, endsMm2 }: GateInput): string | null {
  const total = rightMl + leftMl;
  const ratio = Math.min(rightMl, leftMl) / Math.max(rightMl, leftMl);
  if (rightMl === 0 || leftMl === 0) return 'only one aerated lung was found.';
  if (ratio < MIN_RATIO)
    return `the lungs found differ too much (right ${rightMl.toFixed(0)} mL, left ${leftMl.toFixed(0)} mL).`;
  if (total < MIN_ML || total > MAX_ML) return `a lung volume of ${total.toFixed(0)} mL is not plausible.`;
  if (denseMl > MAX_DENSE_SHARE * total)
    return `consolidation and effusion (${denseMl.toFixed(0)} mL) leave the outline of the lungs uncertain.`;
  if (Math.max(...endsMm2) > MAX_END_MM2) return 'the images do not cover the whole lungs.';
  return null;
}
