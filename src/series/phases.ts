import { type ErrorContext, RaunetError } from '../lib/errors';
import { distanceOf, gaps, median, type PlacedSlice, steps, type Xyz } from './geometry';
import type { Warning } from './types';

/** Closer than any scanner steps, mm: one position. */
const SAME_POSITION_MM = 0.01;
/** A phase that holds fewer of the positions is a part of a scan, not a phase of it. */
const WHOLE_PHASE = 0.8;
/** Fewer even steps than this come about by chance. */
const LEAST_OF_SCAN = 6;
/** Of a phase's step: what is nearer to one of its slices lies at its place. Half a step, with room for uneven ones. */
const SAME_PLACE = 0.75;

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
 * Slices of one phase: split by the first attribute that tells phases apart, of which the fullest, then the one of the
 * lowest value is taken. Where several slices lie at one position it holds nearly all positions; where the table was
 * moved a little between two scans, nearly all slices of the others lie at its places. Parts of a scan that follow each
 * other in space are one phase. Throws MULTI_PHASE where several slices lie at one position and nothing tells them
 * apart, or where one part of the scan was made again and another was not.
 */
export function onePhase(
  slices: readonly PlacedSlice[],
  normal: Xyz,
  about: ErrorContext,
): { slices: readonly PlacedSlice[]; warnings: Warning[] } {
  const positions = countPositions(distancesOf(slices, normal));
  const doubled = positions < slices.length;
  let unclear: string | null = null;
  for (const [name, valueOf] of ATTRIBUTES) {
    const phases = split(slices, valueOf, normal);
    const [taken, ...others] = phases;
    if (taken === undefined || others.length === 0) continue;
    if (phases.some(({ slices, atMm }) => countPositions(atMm) < slices.length)) continue;
    const holdsMost = doubled && taken.slices.length >= WHOLE_PHASE * positions;
    if (!holdsMost && !isScannedAgain(phases)) continue;
    const elsewhere = others.filter((phase) => !isAtPlacesOf(taken, phase)).length;
    if (elsewhere > 0) {
      // Neither to be thrown away nor to be mixed in.
      unclear ??= `${phases.length} phases by ${name}, ${elsewhere} of them elsewhere than the fullest`;
      continue;
    }
    const sentence = `The series holds ${phases.length} phases by ${name}; the one with ${name} ${taken.value} (${taken.slices.length} images) was analysed.`;
    return { slices: taken.slices, warnings: [{ code: 'MULTI_PHASE', sentence }] };
  }
  if (!doubled && unclear === null) return { slices, warnings: [] };
  throw new RaunetError('RAUNET_MULTI_PHASE', {
    ...about,
    detail: unclear ?? `${slices.length} images at ${positions} positions`,
  });
}

const distancesOf = (slices: readonly PlacedSlice[], normal: Xyz): number[] =>
  slices.map((slice) => distanceOf(slice, normal)).sort((a, b) => a - b);

const countPositions = (sortedMm: readonly number[]): number =>
  1 + steps(sortedMm).filter((step) => step >= SAME_POSITION_MM).length;

/** Slices at more or less even steps: those that a time of their own picked by chance are none. */
function isScan({ atMm }: Phase): boolean {
  if (atMm.length < LEAST_OF_SCAN) return false;
  const missing = gaps(atMm).reduce((sum, gap) => sum + gap.missing, 0);
  return atMm.length >= WHOLE_PHASE * (atMm.length + missing);
}

/** Whether two of the phases are scans of one part of the body. */
function isScannedAgain(phases: readonly Phase[]): boolean {
  const scans = phases.filter(isScan);
  return scans.some((scan, i) => scans.slice(i + 1).some((later) => isAtPlacesOf(scan, later)));
}

/** Whether nearly every slice of a phase lies at a place of the taken one. */
function isAtPlacesOf(taken: Phase, { atMm }: Phase): boolean {
  const reachMm = SAME_PLACE * median(steps(taken.atMm));
  const again = atMm.filter((mm) => taken.atMm.some((placeMm) => Math.abs(placeMm - mm) < reachMm));
  return again.length >= WHOLE_PHASE * atMm.length;
}

interface Phase {
  value: string | number;
  slices: PlacedSlice[];
  /** Distances of the slices along the normal, ascending. */
  atMm: number[];
}

/** Fullest first, then by value; [] where an image lacks the attribute. */
function split(
  slices: readonly PlacedSlice[],
  valueOf: (slice: PlacedSlice) => string | number | null,
  normal: Xyz,
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
    .map(([value, members]) => ({ value, slices: members, atMm: distancesOf(members, normal) }))
    .sort((a, b) => b.slices.length - a.slices.length || (a.value < b.value ? -1 : 1));
}
