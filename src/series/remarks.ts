import { type ErrorContext, RaunetError } from '../lib/errors';
import type { RemarkCode } from '../lib/remark-codes';
import { gaps, median, steps } from './geometry';
import { isSharpKernel } from './kernels';
import { hasNoRescale, type SeriesSummary, type Slice, type Warning } from './types';

const warning = (code: RemarkCode, sentence: string): Warning => ({ code, sentence });

/** Projections and renderings by their names in ImageType; `\b` would part at `_`. */
const PROJECTION =
  /(^|[\s_/-])(MIP|MNIP|MIN[ _-]?IP|MAX[ _-]?IP|MAXIMUM|MINIMUM|RAYSUM|VRT|SSD|VOLREN|RENDERING|PROJECTION)([\s_/-]|$)/;

/** By ImageType, or a derived image of a series that calls itself one. */
export const isProjection = ({ imageType }: Slice, { description }: SeriesSummary): boolean =>
  imageType.some((value) => PROJECTION.test(value)) ||
  (imageType[0] === 'DERIVED' && PROJECTION.test(description?.toUpperCase() ?? ''));

/** Throws DERIVED_REFORMAT where slices are projections or renderings. */
export function refuseProjections(
  slices: readonly Slice[],
  summary: SeriesSummary,
  about: ErrorContext,
): void {
  const projection = slices.find((slice) => isProjection(slice, summary));
  if (projection !== undefined)
    throw new RaunetError('RAUNET_DERIVED_REFORMAT', {
      ...about,
      sopInstanceUid: projection.sopInstanceUid,
    });
}

/** Missing slices are processed up to this share of the series, and up to this step between two slices. */
const MAX_MISSING_SHARE = 0.05;
const MAX_GAP_MM = 10;
/** Positions are decimal strings: 10 mm of difference may come out as 10.000001. */
const ROUNDING_MM = 0.01;
/** Steps that differ by less are rounding of the positions. */
const EVEN = { share: 0.05, mm: 0.05 };

/** Warnings about gaps and uneven steps. Throws INCOMPLETE. */
export function spacingRemarks(distancesMm: readonly number[], about: ErrorContext): Warning[] {
  const found = gaps(distancesMm);
  const missing = found.reduce((sum, gap) => sum + gap.missing, 0);
  const longest = Math.max(0, ...found.map(({ lengthMm }) => lengthMm));
  const told = `${missing} of ${distancesMm.length + missing} slices missing in ${found.length} gap(s), the longest ${longest.toFixed(1)} mm`;
  if (missing > MAX_MISSING_SHARE * (distancesMm.length + missing) || longest > MAX_GAP_MM + ROUNDING_MM)
    throw new RaunetError('RAUNET_INCOMPLETE', { ...about, detail: told });
  const warnings =
    missing === 0 ? [] : [warning('MISSING_SLICES', `${told}; volumes are from the real positions.`)];

  const inGap = new Set(found.map(({ after }) => after));
  const regular = steps(distancesMm).filter((_, i) => !inGap.has(i));
  const usual = median(regular);
  if (regular.some((step) => Math.abs(step - usual) > Math.max(EVEN.share * usual, EVEN.mm)))
    warnings.push(
      warning(
        'UNEVEN_SPACING',
        `Slices are ${Math.min(...regular).toFixed(2)} to ${Math.max(...regular).toFixed(2)} mm apart; each counts for half the distance to both neighbours.`,
      ),
    );
  return warnings;
}

const TILT_WARNING_DEGREES = 1;
const MAX_TILT_DEGREES = 30;

/** Throws GANTRY_TILT. */
export function tiltRemarks(degrees: number, about: ErrorContext): Warning[] {
  const told = `${degrees.toFixed(1)} degrees`;
  if (degrees > MAX_TILT_DEGREES) throw new RaunetError('RAUNET_GANTRY_TILT', { ...about, detail: told });
  return degrees > TILT_WARNING_DEGREES
    ? [warning('GANTRY_TILT', `The gantry was tilted by ${told}; each slice was processed in its own plane.`)]
    : [];
}

const THICK_MM = 5;
/** A chest of 300 mm has 30 slices even at 10 mm. */
const FEW_SLICES = 20;

/** What makes the result less sure without stopping it. */
export function qualityRemarks(slices: readonly Slice[]): Warning[] {
  const count = (test: (slice: Slice) => boolean): number => slices.filter(test).length;
  const some = (code: RemarkCode, found: number, sentence: string): Warning[] =>
    found === 0 ? [] : [warning(code, `${sentence} (${found} of ${slices.length} images).`)];
  const kernel = slices.find((slice) => isSharpKernel(slice.kernel))?.kernel;
  const lossy = slices.find((slice) => slice.lossy !== null)?.lossy;
  return [
    ...some(
      'DERIVED',
      count(({ imageType }) => imageType[0] === 'DERIVED'),
      'Derived images, not the original reconstruction',
    ),
    ...some(
      'BURNED_IN',
      count(({ burnedIn }) => burnedIn),
      'Annotation is burnt into the pixels',
    ),
    ...some(
      'LOSSY',
      count((slice) => slice.lossy !== null),
      `Lossy compression${lossy?.ratio ? `, ratio ${lossy.ratio}` : ''}`,
    ),
    ...some(
      'SHARP_KERNEL',
      count((slice) => isSharpKernel(slice.kernel)),
      `Sharp reconstruction kernel ${kernel}`,
    ),
    ...some(
      'THICK_SLICES',
      count(({ thicknessMm }) => (thicknessMm ?? 0) > THICK_MM),
      `Slices thicker than ${THICK_MM} mm`,
    ),
    ...some(
      'CONTRAST',
      count(({ contrastAgent }) => contrastAgent !== null),
      'Contrast agent was given',
    ),
    ...some(
      'NO_RESCALE',
      count(hasNoRescale),
      'No rescale to HU is given; values are taken as HU if they are plausible',
    ),
    ...(slices.length < FEW_SLICES ? [warning('FEW_SLICES', `Only ${slices.length} slices.`)] : []),
  ];
}
