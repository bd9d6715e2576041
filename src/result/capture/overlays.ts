import { frameOfReference } from '../../dicom/copied';
import { slicePicture } from '../picture/slice';
import { coloursOf } from '../picture/tiles';
import type { Analysis, EncodedObject, ResultContext } from '../types';
import { secondaryCapture } from './secondary-capture';

/** Each slice with a finding as a colour picture with outlines, on its own grid and place, in the order of `series.slices`. */
export function buildOverlays(analysis: Analysis, context: ResultContext): EncodedObject[] {
  const { series, source, volume, mask } = analysis;
  const { rows, columns } = volume;
  const crop = { top: 0, bottom: rows, left: 0, right: columns };
  // One picture pixel for one source pixel, whatever its shape.
  const square = { rows, columns, spacingMm: [1, 1] as const };
  return series.slices.flatMap((slice, k) => {
    if (mask[k]!.every((label) => label === 0)) return [];
    const size = { width: columns, height: rows };
    const view = { crop, pixelsPerMm: 1 };
    const image = slicePicture(volume.huSlice(k), mask[k]!, square, view, size, coloursOf(context.codes));
    const capture = {
      series: 'overlays',
      part: `${slice.sopInstanceUid} ${slice.frameNumber ?? ''}`,
      instanceNumber: k + 1,
      summary: series.summary,
      source,
      slices: series.slices,
      shown: [slice],
      description: 'Outlines of an automatic lesion segmentation',
      geometry: {
        ...frameOfReference(source),
        ImagePositionPatient: slice.position?.strings,
        ImageOrientationPatient: slice.orientation?.strings,
        PixelSpacing: slice.pixelSpacing?.strings,
      },
    } as const;
    return [secondaryCapture(image, capture, context)];
  });
}
