import { CELL } from './anatomy';
import type { CoarseGrid } from './coarse-grid';
import { LEFT, type Lungs, RIGHT } from './lungs';

/** Ribs run obliquely: those of the slices within so much close the cage of one slice. */
const RIBS_MM = 12;
/** Ribs are thicker: of thin slices not every one is needed. */
const RIB_STEP_MM = 3;
/** The middle of a lung is that of the nearest slice with at least this part of its largest cross-section. */
const MIN_SECTION = 0.25;

/**
 * Tells whether bone lies between a block and the middle of its lung in the slice, so that it is outside the rib
 * cage: muscle, fat, skin. Fluid and dense lung have the ribs behind them. Blocks of the lungs themselves are never.
 */
export function beyondRibs(
  cells: readonly Uint8Array[],
  lungs: Lungs,
  grid: CoarseGrid,
): (slice: number, block: number) => boolean {
  const { columns, distancesMm } = grid;
  const middles = { [RIGHT]: middlesOf(lungs.mask, RIGHT, grid), [LEFT]: middlesOf(lungs.mask, LEFT, grid) };
  const answers = new Map<number, Int8Array>();
  const bones: number[][] = [];
  const ribs = new Map<number, Uint8Array>();
  const ribsOf = (k: number): Uint8Array => {
    const kept = ribs.get(k);
    if (kept !== undefined) return kept;
    const union = new Uint8Array(cells[k]!.length);
    let last = -Infinity;
    for (const [j, slice] of cells.entries()) {
      const awayMm = distancesMm[j]! - distancesMm[k]!;
      if (Math.abs(awayMm) > RIBS_MM || (j !== k && awayMm - last < RIB_STEP_MM)) continue;
      last = awayMm;
      for (const i of (bones[j] ??= indicesOf(slice, CELL.bone))) union[i] = 1;
    }
    ribs.clear(); // slices are asked about one after the other
    ribs.set(k, union);
    return union;
  };
  const walk = (k: number, block: number): boolean => {
    const side = lungs.sideMap[block] as typeof RIGHT | typeof LEFT;
    const { row: toRow, column: toColumn } = middles[side][k]!;
    const row = Math.floor(block / columns);
    const column = block - row * columns;
    const steps = Math.ceil(Math.max(Math.abs(toRow - row), Math.abs(toColumn - column)));
    const bone = ribsOf(k);
    for (let step = 1; step < steps; step++) {
      const r = Math.round(row + ((toRow - row) * step) / steps);
      const c = Math.round(column + ((toColumn - column) * step) / steps);
      if (lungs.mask[k]![r * columns + c] === side) return false;
      if (bone[r * columns + c] === 1) return true;
    }
    return false;
  };
  return (k, block) => {
    if (lungs.mask[k]![block] !== 0) return false;
    const known = answers.get(k) ?? new Int8Array(cells[k]!.length).fill(-1);
    answers.set(k, known);
    if (known[block]! < 0) known[block] = walk(k, block) ? 1 : 0;
    return known[block] === 1;
  };
}

function indicesOf(slice: Uint8Array, label: number): number[] {
  const found: number[] = [];
  for (let i = 0; i < slice.length; i++) if (slice[i] === label) found.push(i);
  return found;
}

interface Middle {
  row: number;
  column: number;
}

/** Centre of one lung for every slice. */
function middlesOf(
  mask: readonly Uint8Array[],
  label: number,
  { columns, distancesMm }: CoarseGrid,
): Middle[] {
  const sections = mask.map((slice) => {
    const sum = { pixels: 0, row: 0, column: 0 };
    for (let i = slice.indexOf(label); i >= 0 && i < slice.length; i++) {
      if (slice[i] !== label) continue;
      sum.pixels++;
      sum.row += Math.floor(i / columns);
      sum.column += i % columns;
    }
    return sum;
  });
  const enough = MIN_SECTION * Math.max(...sections.map(({ pixels }) => pixels));
  const large = [...sections.keys()].filter((k) => sections[k]!.pixels >= enough);
  return sections.map((_, k) => {
    const away = (j: number) => Math.abs(distancesMm[j]! - distancesMm[k]!);
    const nearest = sections[large.reduce((best, j) => (away(j) < away(best) ? j : best))]!;
    return { row: nearest.row / nearest.pixels, column: nearest.column / nearest.pixels };
  });
}
