import { connectedRuns, paint } from '../lib/components';
import type { HuVolume } from '../volume/types';
import { dilate } from './discs';
import type { LungMask } from './lungs';
import { inSpans } from './spans';
import { thorax, type ThoraxSlice } from './thorax';
import type { LesionMask } from './types';

const GGO = 1;
const CONSOLIDATION = 2;
const EFFUSION = 3;

/** Ground glass still holds air: it lies in the lung as thresholded and closed, or this close to it, mm. */
const GGO_MARGIN_MM = 6;
/** Consolidation may fill lung that the threshold lost, but not further from what it found, mm. */
const CONSOLIDATION_MARGIN_MM = 45;
/** A finding smaller than this in all, whatever its classes, is noise, mL. */
const MIN_FINDING_ML = 0.2;

/**
 * Takes away what cannot be; adds nothing and changes no class. A voxel stays where it is
 * - inside the rib cage (hull of the bones): not chest wall, arms, table or room;
 * - not in the mediastinum between the lungs (see `thorax`): not heart, vessels, spine;
 * - GGO: in the closed lung or at its edge; consolidation: within reach of lung;
 * - part of a finding of at least 0.2 mL.
 *
 * raw: class index per pixel of each slice. Returns a mask of its own.
 */
export function cleanUp(volume: HuVolume, raw: LesionMask, lungs: LungMask): LesionMask {
  const { columns, spacingMm, series } = volume;
  const regions = thorax(volume, lungs);
  const mask = raw.map((slice, k) => possible(slice, lungs.labels[k]!, regions[k]!, columns, spacingMm));
  const pixelMl = (spacingMm[0] * spacingMm[1]) / 1000;
  const runs = connectedRuns(mask, columns, [GGO, CONSOLIDATION, EFFUSION]);
  const ml = new Float64Array(runs.sizes.length);
  const rows = volume.rows;
  for (const [run, line] of runs.line.entries())
    ml[runs.component[run]!]! +=
      (runs.end[run]! - runs.start[run]!) * pixelMl * series.extentsMm[Math.floor(line / rows)]!;
  paint(mask, columns, runs, 0, (component) => ml[component]! < MIN_FINDING_ML);
  return mask;
}

function possible(
  slice: Uint8Array,
  labels: Uint8Array,
  { cage, right, left, both }: ThoraxSlice,
  columns: number,
  spacingMm: readonly [number, number],
): Uint8Array {
  const kept = new Uint8Array(slice.length);
  if (!slice.some((value) => value !== 0)) return kept;
  const lung = labels.map((label) => (label === 0 ? 0 : 1));
  const near = dilate(lung, columns, spacingMm, GGO_MARGIN_MM);
  const reach = dilate(lung, columns, spacingMm, CONSOLIDATION_MARGIN_MM);
  for (let i = 0; i < slice.length; i += 1) {
    const value = slice[i]!;
    if (value === 0) continue;
    const [row, column] = [Math.floor(i / columns), i % columns];
    const inLung = inSpans(right, row, column) || inSpans(left, row, column);
    if (!inSpans(cage, row, column)) continue;
    if (!inLung && inSpans(both, row, column)) continue;
    if (value === GGO && near[i] === 0) continue;
    if (value === CONSOLIDATION && reach[i] === 0) continue;
    kept[i] = value;
  }
  return kept;
}
