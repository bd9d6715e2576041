/** The way of a slice. One constant: folder name = job state = log field `stage` = metric label. */
export const STAGES = [
  'association',
  'spool',
  'series',
  'volume',
  'tensor',
  'inference',
  'mask',
  'result',
  'delivery',
] as const;

export type Stage = (typeof STAGES)[number];
