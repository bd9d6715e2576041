import { BODY, bodyCells, ENCLOSED_AIR } from '../lib/body';
import { boundingBox, boxes, connectedRuns, type PixelBox } from '../lib/components';
import { isCouch } from '../lib/couch';
import type { LungBoxRule } from './types';

/** What one slice says about the lungs. */
export interface SliceLung {
  /** Of the enclosed air, without margin. */
  box: PixelBox;
  /** Left + right edge of the body: twice its mid-line, kept an integer. */
  bodyCentre2: number;
  airMm2: number;
}

/**
 * Box of the air that the body encloses in one slice; null where there is too little of it for a lung.
 *
 * hu: [rows * columns], upright. spacingMm: [between rows, between columns]. Twin of slice_lung in
 * onnx/training/preprocess.py, which takes every patient as supine or prone: of one who lies on the side (patientPosition
 * HFDR, HFDL, FFDR, FFDL) the couch is turned.
 */
export function sliceLung(
  hu: Float32Array,
  columns: number,
  spacingMm: readonly [number, number],
  patientPosition: string | null,
  rule: LungBoxRule,
): SliceLung | null {
  const couch = { minWidthMm: rule.couchMinWidthMm, aspect: rule.couchAspect };
  const pixelMm2 = spacingMm[0] * spacingMm[1];
  const cells = bodyCells(hu, columns, rule.tissueHu);
  let box: PixelBox | null = null;
  let pixels = 0;
  const air = connectedRuns([cells], columns, [ENCLOSED_AIR]);
  for (const [region, regionBox] of boxes(air).entries()) {
    if (air.sizes[region]! * pixelMm2 < rule.minRegionMm2) continue;
    if (isCouch(regionBox, spacingMm, patientPosition, couch)) continue;
    box = union(box, regionBox);
    pixels += air.sizes[region]!;
  }
  if (box === null || pixels * pixelMm2 < rule.minLungMm2) return null;
  const body = boundingBox([cells], columns, BODY)!;
  return { box, bodyCentre2: body.left + body.right, airMm2: pixels * pixelMm2 };
}

/** The box of a series from what its slices say: union, mirrored where lopsided, plus the margin; null without lung. */
export function lungBox(
  found: readonly SliceLung[],
  rows: number,
  columns: number,
  rule: LungBoxRule,
): PixelBox | null {
  const all = found.reduce<PixelBox | null>((box, slice) => union(box, slice.box), null);
  if (all === null) return null;
  const centre2 = Math.floor(found.reduce((sum, slice) => sum + slice.bodyCentre2, 0) / found.length);
  const box = symmetric(all, centre2, columns, rule.lopsided);
  const marginRows = Math.floor((rule.marginPercent * (box.bottom - box.top) + 99) / 100);
  const marginColumns = Math.floor((rule.marginPercent * (box.right - box.left) + 99) / 100);
  return {
    top: Math.max(0, box.top - marginRows),
    bottom: Math.min(rows, box.bottom + marginRows),
    left: Math.max(0, box.left - marginColumns),
    right: Math.min(columns, box.right + marginColumns),
  };
}

/** A lung may be white from top to bottom: without its mirror image the box would cut off the diseased side. */
function symmetric(
  box: PixelBox,
  centre2: number,
  columns: number,
  [part, whole]: readonly [number, number],
): PixelBox {
  const toLeft = centre2 - 2 * box.left;
  const toRight = 2 * box.right - centre2;
  if (whole * Math.min(toLeft, toRight) >= part * Math.max(toLeft, toRight)) return box;
  return union(box, {
    ...box,
    left: Math.max(0, centre2 - box.right),
    right: Math.min(columns, centre2 - box.left),
  });
}

const union = (a: PixelBox | null, b: PixelBox): PixelBox =>
  a === null
    ? b
    : {
        top: Math.min(a.top, b.top),
        bottom: Math.max(a.bottom, b.bottom),
        left: Math.min(a.left, b.left),
        right: Math.max(a.right, b.right),
      };
