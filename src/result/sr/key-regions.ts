import type { Codes } from '../../config/codes';
import type { PlainDataSet } from '../../dicom/write';
import type { ClassIndex, LesionMask } from '../../mask/types';
import type { Slice } from '../../series/types';
import { outlineOfLargest } from '../contour';
import type { Analysis } from '../types';
import * as c from './codes';
import { code, contains, container, hasConceptMod, image, num, polyline, selectedFrom } from './content-item';
import { findingSite, rounded } from './measurements';
import { tracking } from './groups';

/**
 * PS3.16 TID 1410 for each class found: the outline of its largest region on the slice that has most of it. For viewers
 * that draw no segment of a TID 1500 report but do draw a polyline (OHIF issue 3390).
 */
export function keyRegionGroups({ series, mask, volume }: Analysis, codes: Codes): PlainDataSet[] {
  return codes.classes.flatMap(({ index, label, type, region }) => {
    const k = sliceWithMost(mask, index);
    const outline = k === null ? null : outlineOfLargest(mask[k]!, volume.columns, index);
    if (k === null || outline === null) return [];
    const slice = series.slices[k]!;
    const areaMm2 = enclosedPixels(outline) * volume.spacingMm[0] * volume.spacingMm[1];
    const group = container(
      c.MEASUREMENT_GROUP,
      [
        ...tracking(`${label}, key image`, series.summary),
        contains(code(c.FINDING_CATEGORY, codes.category)),
        contains(code(c.FINDING, type)),
        findingSite(region),
        contains(polyline(c.IMAGE_REGION, outline, [selectedFrom(image(c.SOURCE, slice, frameOf(slice)))])),
        contains(
          num(c.AREA, rounded(areaMm2, 1), c.SQUARE_MILLIMETRE, [
            hasConceptMod(code(c.MEASUREMENT_METHOD, c.ENCLOSED_AREA)),
          ]),
        ),
      ],
      '1410',
    );
    return [contains(group)];
  });
}

const frameOf = ({ frameNumber }: Slice): PlainDataSet =>
  frameNumber === null ? {} : { ReferencedFrameNumber: frameNumber };

/** Null where no slice has the class. */
function sliceWithMost(mask: LesionMask, classIndex: ClassIndex): number | null {
  const pixels = mask.map((labels) => {
    let count = 0;
    for (let i = 0; i < labels.length; i++) if (labels[i] === classIndex) count++;
    return count;
  });
  const most = Math.max(...pixels);
  return most > 0 ? pixels.indexOf(most) : null;
}

/** Shoelace formula, in pixels. */
function enclosedPixels(points: readonly number[]): number {
  let twice = 0;
  for (let i = 0; i + 3 < points.length; i += 2)
    twice += points[i]! * points[i + 3]! - points[i + 2]! * points[i + 1]!;
  return Math.abs(twice) / 2;
}
