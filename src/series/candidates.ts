import { SOP_CLASS } from '../dicom/uids';
import { type ErrorContext, RaunetError } from '../lib/errors';
import { dot, isPlaced, normalOf, type PlacedSlice } from './geometry';
import type { Slice, Warning } from './types';

const CT_CLASSES = new Set<string>([SOP_CLASS.ct, SOP_CLASS.enhancedCt, SOP_CLASS.legacyConvertedEnhancedCt]);
const LOCALIZER = /LOCALI[SZ]ER|SCOUT|SURVIEW|TOPOGRAM/;
/** Value 3 or 4 of ImageType where the values are no attenuation (PS3.3 C.8.16.1.4). */
const PARAMETRIC = /^(PERFUSION|RCBF|RCBV|MTT|TTP|TMAX|DOSE_REPORT|DOSE INFO)$/;

/** The images of a CT scan among everything of the series. Throws NO_AXIAL_CT where none remains. */
export function ctImages(
  slices: readonly Slice[],
  about: ErrorContext,
): { slices: Slice[]; warnings: Warning[] } {
  const kept: Slice[] = [];
  const leftOut = new Map<string, number>();
  for (const slice of uniqueInstances(slices)) {
    const reason = whyNoCt(slice);
    if (reason === null) kept.push(slice);
    else leftOut.set(reason, (leftOut.get(reason) ?? 0) + 1);
  }
  const told = [...leftOut].map(([reason, count]) => `${count} ${reason}`).join(', ');
  if (kept.length === 0)
    throw new RaunetError('RAUNET_NO_AXIAL_CT', { ...about, detail: told || 'no image at all' });
  return {
    slices: kept,
    warnings: told === '' ? [] : [{ code: 'LEFT_OUT', sentence: `Images left out: ${told}.` }],
  };
}

/** The same instance twice is one instance. */
function uniqueInstances(slices: readonly Slice[]): Slice[] {
  const known = new Map(slices.map((slice) => [`${slice.sopInstanceUid}/${slice.frameNumber}`, slice]));
  return [...known.values()];
}

function whyNoCt(slice: Slice): string | null {
  if (!CT_CLASSES.has(slice.sopClassUid)) return 'of another SOP class than CT';
  if (slice.rows < 1 || slice.columns < 1) return 'without pixels';
  if (slice.samplesPerPixel !== 1 || !/^MONOCHROME[12]$/.test(slice.photometric)) return 'in colour';
  if (slice.imageType.some((value) => LOCALIZER.test(value))) return 'localizer';
  if (slice.imageType.slice(2).some((value) => PARAMETRIC.test(value))) return 'parameter map or dose report';
  if (slice.frameNumber === null && slice.frameCount > 1) return 'multi-frame without functional groups';
  return null;
}

/** All of them where their place is known. Throws NO_GEOMETRY. */
export function placed(slices: readonly Slice[], about: ErrorContext): PlacedSlice[] {
  const kept = slices.filter(isPlaced);
  const lacking = slices.find((slice) => !isPlaced(slice));
  if (lacking !== undefined)
    throw new RaunetError('RAUNET_NO_GEOMETRY', {
      ...about,
      sopInstanceUid: lacking.sopInstanceUid,
      detail: `${slices.length - kept.length} of ${slices.length} images`,
    });
  return kept;
}

/** Component of the normal along the patient's axis from which on a slice counts as axial. */
const AXIAL = 0.9;

/**
 * The one axial scan among the slices: same frame of reference, orientation, matrix and pixel spacing. With several
 * axial groups the largest is clear when it has at least twice the slices of the next. Throws NOT_AXIAL, MIXED_GEOMETRY.
 */
export function axialScan(
  slices: readonly PlacedSlice[],
  about: ErrorContext,
): { slices: PlacedSlice[]; warnings: Warning[] } {
  const groups = groupByGeometry(slices);
  const axial = groups
    .filter(([first]) => Math.abs(normalOf(first)[2]) >= AXIAL)
    .sort((a, b) => b.length - a.length);
  const sizes = sizesOf(groups);
  const [largest, next] = axial;
  if (largest === undefined)
    throw new RaunetError('RAUNET_NOT_AXIAL', { ...about, detail: `${sizes} images` });
  if (next !== undefined && largest.length < 2 * next.length)
    throw new RaunetError('RAUNET_MIXED_GEOMETRY', { ...about, detail: `groups of ${sizes} images` });
  if (groups.length === 1) return { slices: largest, warnings: [] };
  const sentence = `The series mixes frames of reference, orientations, matrix sizes or pixel spacings (groups of ${sizes} images); the axial group of ${largest.length} was analysed.`;
  return { slices: largest, warnings: [{ code: 'MIXED_GEOMETRY', sentence }] };
}

/** Whether an image could belong to a scan that `arrange` takes, going by itself alone. */
export const isAxialCt = (slice: Slice): boolean =>
  whyNoCt(slice) === null && isPlaced(slice) && Math.abs(normalOf(slice)[2]) >= AXIAL;

type Group = [PlacedSlice, ...PlacedSlice[]];

const MOST_TOLD = 5;

/** "40 + 30 + 2", the first of them: a broken anonymizer may leave as many groups as images. */
function sizesOf(groups: readonly Group[]): string {
  const sizes = groups.map((group) => group.length).sort((a, b) => b - a);
  return [...sizes.slice(0, MOST_TOLD), ...(sizes.length > MOST_TOLD ? ['...'] : [])].join(' + ');
}

function groupByGeometry(slices: readonly PlacedSlice[]): Group[] {
  const groups: Group[] = [];
  for (const slice of slices) {
    const group = groups.find(([first]) => sameGeometry(first, slice));
    if (group === undefined) groups.push([slice]);
    else group.push(slice);
  }
  return groups;
}

/** Cosine of one degree: less is rounding, more is another plane. */
const SAME_DIRECTION = Math.cos(Math.PI / 180);

function sameGeometry(a: PlacedSlice, b: PlacedSlice): boolean {
  return (
    a.frameOfReferenceUid === b.frameOfReferenceUid &&
    a.rows === b.rows &&
    a.columns === b.columns &&
    a.pixelSpacing.values.every(
      (value, i) => Math.abs(value / (b.pixelSpacing.values[i] as number) - 1) < 0.001,
    ) &&
    dot(normalOf(a), normalOf(b)) > SAME_DIRECTION &&
    dot(rowCosines(a), rowCosines(b)) > SAME_DIRECTION
  );
}

const rowCosines = ({ orientation }: PlacedSlice) =>
  orientation.values.slice(0, 3) as unknown as readonly [number, number, number];
