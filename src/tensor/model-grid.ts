import { setImmediate as breathe } from 'node:timers/promises';
import { RaunetError } from '../lib/errors';
import type { HuVolume } from '../volume/types';
import { lungBox, sliceLung, type SliceLung } from './lung-box';
import type { ModelGrid, Preprocessing } from './types';

/** Slices without enclosed air between two with it, bridged: a lung that is white on a few slices is still asked about. */
const BRIDGED_MM = 40;
/** Effusion pools in the recess behind the liver and spleen, below the last aerated slice. */
const CAUDAL_MARGIN_MM = 40;
/** The tip of the apex has too little air to vote. */
const CRANIAL_MARGIN_MM = 15;

/**
 * Finds what of the volume goes to the model: one lung box for the series, and the slices from the first to the last
 * that show lung (the largest such stretch: a scan may go on to bowel gas) with margins.
 *
 * volume: upright. Gives way to other work after each slice. Throws RAUNET_NOT_CHEST.
 */
export async function modelGrid(volume: HuVolume, { lungBox: rule }: Preprocessing): Promise<ModelGrid> {
  const { rows, columns, spacingMm, series } = volume;
  const { patientPosition } = series.slices[0]!;
  const found: (SliceLung | null)[] = [];
  for (let k = 0; k < series.slices.length; k++) {
    found.push(sliceLung(volume.huSlice(k), columns, spacingMm, patientPosition, rule));
    await breathe();
  }
  const box = lungBox(
    found.filter((slice) => slice !== null),
    rows,
    columns,
    rule,
  );
  if (box === null)
    throw new RaunetError('RAUNET_NOT_CHEST', { stage: 'tensor', seriesUid: series.summary.seriesUid });
  const lungSlices = lungStretch(
    found.map((slice, k) => (slice === null ? 0 : slice.airMm2 * series.extentsMm[k]!)),
    series.distancesMm,
    series.normal[2] > 0,
  );
  return { box, lungSlices };
}

/**
 * Indices of the slices to ask about. airMm3: enclosed air of each slice, 0 where too little; distancesMm ascending;
 * headLast: the last slice is the one nearest to the head.
 */
export function lungStretch(
  airMm3: readonly number[],
  distancesMm: readonly number[],
  headLast: boolean,
): number[] {
  const stretches: { first: number; last: number; airMm3: number }[] = [];
  for (const [k, air] of airMm3.entries()) {
    if (air === 0) continue;
    const open = stretches.at(-1);
    if (open !== undefined && distancesMm[k]! - distancesMm[open.last]! <= BRIDGED_MM) {
      open.last = k;
      open.airMm3 += air;
    } else stretches.push({ first: k, last: k, airMm3: air });
  }
  const lungs = stretches.reduce((best, stretch) => (stretch.airMm3 > best.airMm3 ? stretch : best));
  const from = distancesMm[lungs.first]! - (headLast ? CAUDAL_MARGIN_MM : CRANIAL_MARGIN_MM);
  const to = distancesMm[lungs.last]! + (headLast ? CRANIAL_MARGIN_MM : CAUDAL_MARGIN_MM);
  return [...distancesMm.keys()].filter((k) => distancesMm[k]! >= from && distancesMm[k]! <= to);
}
