import { type ErrorContext, RaunetError } from '../lib/errors';
import { distanceOf, type PlacedSlice, steps, type Xyz } from './geometry';
import type { Warning } from './types';

/** Closer than any scanner steps, mm: one position. */
const SAME_POSITION_MM = 0.01;
/** A phase that holds fewer of the positions is a part of a scan, not a phase of it. */
const WHOLE_PHASE = 0.8;

const ATTRIBUTES: readonly [name: string, value: (slice: PlacedSlice) => string | number | null][] = [
  ['acquisition number', (slice) => slice.acquisitionNumber],
  ['temporal position', (slice) => slice.temporalPosition],
  ['trigger time', (slice) => slice.triggerTimeMs],
  ['cardiac phase', (slice) => slice.cardiacPhase],
  [
    'acquisition, time and phase',
    (slice) =>
      [slice.acquisitionNumber, slice.temporalPosition, slice.triggerTimeMs, slice.cardiacPhase].join('/'),
  ],
];

/**
 * Slices with one for each position. Where several lie at one, the series is split by the first attribute that
 * tells phases apart, each with nearly all positions; the fullest phase, then the lowest value is taken.
 * Throws MULTI_PHASE.
 */
export function onePhase(
  slices: readonly PlacedSlice[],
  normal: Xyz,
  about: ErrorContext,
): { slices: readonly PlacedSlice[]; warnings: Warning[] } {
  const positions = countPositions(slices, normal);
  if (positions === slices.length) return { slices, warnings: [] };
  for (const [name, valueOf] of ATTRIBUTES) {
    const phases = split(slices, valueOf);
    const [taken] = phases;
    if (taken === undefined || phases.length < 2 || taken.slices.length < WHOLE_PHASE * positions) continue;
    if (phases.some((phase) => countPositions(phase.slices, normal) < phase.slices.length)) continue;
    const sentence = `The series holds ${phases.length} phases by ${name}; the one with ${name} ${taken.value} (${taken.slices.length} images) was analysed.`;
    return { slices: taken.slices, warnings: [{ code: 'MULTI_PHASE', sentence }] };
  }
  throw new RaunetError('RAUNET_MULTI_PHASE', {
    ...about,
    detail: `${slices.length} images at ${positions} positions`,
  });
}

function countPositions(slices: readonly PlacedSlice[], normal: Xyz): number {
  const sorted = slices.map((slice) => distanceOf(slice, normal)).sort((a, b) => a - b);
  return 1 + steps(sorted).filter((step) => step >= SAME_POSITION_MM).length;
}

interface Phase {
  value: string | number;
  slices: PlacedSlice[];
}

/** Fullest first, then by value; [] where an image lacks the attribute. */
function split(
  slices: readonly PlacedSlice[],
  valueOf: (slice: PlacedSlice) => string | number | null,
): Phase[] {
  const phases = new Map<string | number, PlacedSlice[]>();
  for (const slice of slices) {
    const value = valueOf(slice);
    if (value === null) return [];
    const phase = phases.get(value);
    if (phase === undefined) phases.set(value, [slice]);
    else phase.push(slice);
  }
  return [...phases]
    .map(([value, members]) => ({ value, slices: members }))
    .sort((a, b) => b.slices.length - a.slices.length || (a.value < b.value ? -1 : 1));
}
