import { type ErrorContext, RaunetError } from '../lib/errors';
import { axialScan, ctImages, placed } from './candidates';
import { distanceOf, extents, normalOf, type PlacedSlice, tiltDegrees } from './geometry';
import { onePhase } from './phases';
import { qualityRemarks, refuseProjections, spacingRemarks, tiltRemarks } from './remarks';
import type { OrderedSeries, SeriesSummary, Slice } from './types';

/**
 * Of PS3.3 C.7.3.1.1.1, those that stray here. Anything else a peer writes there is not told: in a damaged header it may
 * be a name.
 */
const OTHER_MODALITIES = new Set(
  'CR DX MG MR NM OT PT PR RF RTDOSE RTIMAGE RTPLAN RTSTRUCT SC SEG SM SR US XA KO'.split(' '),
);

/**
 * The axial CT scan of a series, in order of position along its normal; instance numbers and tags of tilt or
 * spacing are not believed. Slices may come in any order and hold localizers, doubles and other phases.
 *
 * Throws NO_AXIAL_CT, NO_GEOMETRY, NOT_AXIAL, MIXED_GEOMETRY, DERIVED_REFORMAT, MULTI_PHASE, INCOMPLETE,
 * GANTRY_TILT (each with the prefix RAUNET_). What is odd but no obstacle becomes a warning.
 */
export function arrange(slices: readonly Slice[], summary: SeriesSummary): OrderedSeries {
  const about: ErrorContext = { stage: 'series', studyUid: summary.studyUid, seriesUid: summary.seriesUid };
  if (summary.modality !== 'CT')
    throw new RaunetError('RAUNET_NO_AXIAL_CT', {
      ...about,
      detail: `modality ${OTHER_MODALITIES.has(summary.modality) ? summary.modality : 'unknown'}`,
    });

  const images = ctImages(slices, about);
  const scan = axialScan(placed(images.slices, about), about);
  refuseProjections(scan.slices, summary, about);

  const normal = normalOf(scan.slices[0] as PlacedSlice);
  const phase = onePhase(scan.slices, normal, about);
  const ordered = [...phase.slices].sort((a, b) => distanceOf(a, normal) - distanceOf(b, normal));
  const distancesMm = ordered.map((slice) => distanceOf(slice, normal));

  return {
    summary,
    slices: ordered,
    normal,
    distancesMm,
    extentsMm: extents(distancesMm, singleThickness(ordered, about)),
    warnings: [
      ...images.warnings,
      ...scan.warnings,
      ...phase.warnings,
      ...spacingRemarks(distancesMm, about),
      ...tiltRemarks(tiltDegrees(ordered, normal), about),
      ...qualityRemarks(ordered),
    ],
  };
}

/** Of a single slice nothing but SliceThickness tells how much it stands for. */
function singleThickness(ordered: readonly PlacedSlice[], about: ErrorContext): number {
  const thicknessMm = ordered[0]?.thicknessMm ?? null;
  if (ordered.length === 1 && thicknessMm === null)
    throw new RaunetError('RAUNET_NO_GEOMETRY', {
      ...about,
      detail: 'a single image without SliceThickness',
    });
  return thicknessMm ?? 0;
}
