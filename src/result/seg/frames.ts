import type { ClassIndex, LesionMask } from '../../mask/types';

/** One frame of the SEG: where one class lies on one slice. */
export interface Frame {
  classIndex: ClassIndex;
  /** Index into the series' slices. */
  slice: number;
}

const CLASS_INDICES: readonly ClassIndex[] = [1, 2, 3];

/** Frames sorted by segment, then by position. `keepEmpty`: every class on every slice. */
export function framesOf(mask: LesionMask, keepEmpty: boolean): Frame[] {
  const seen = mask.map(classesIn);
  return CLASS_INDICES.flatMap((classIndex) =>
    seen.flatMap((classes, slice) => (keepEmpty || classes.has(classIndex) ? [{ classIndex, slice }] : [])),
  );
}

function classesIn(labels: Uint8Array): Set<number> {
  const seen = new Uint8Array(256);
  for (let i = 0; i < labels.length; i++) seen[labels[i]!] = 1;
  return new Set(CLASS_INDICES.filter((classIndex) => seen[classIndex] === 1));
}

/**
 * Frames as one run of bits, first pixel in the lowest bit of the first byte; frames follow each other without padding
 * and the whole is padded to an even length (PS3.5 8.1.1, D.2).
 */
export function packFrames(mask: LesionMask, frames: readonly Frame[], pixels: number): Uint8Array {
  const bytes = Math.ceil((frames.length * pixels) / 8);
  const packed = new Uint8Array(bytes + (bytes % 2));
  frames.forEach(({ classIndex, slice }, f) => {
    const labels = mask[slice]!;
    const first = f * pixels;
    for (let i = 0; i < pixels; i++)
      // No shift for the byte: 2048 frames of 1024 x 1024 have more bits than it can count.
      if (labels[i] === classIndex) packed[Math.floor((first + i) / 8)]! |= 1 << ((first + i) % 8);
  });
  return packed;
}
