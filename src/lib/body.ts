import { connectedRuns, largest, paint } from './components';

/** What a pixel of an axial slice is, seen from the patient's body. */
export const ENCLOSED_AIR = 0;
export const ENCLOSED_TISSUE = 1;
export const BODY = 2;
export const OUTSIDE = 3;

/**
 * Parts one axial slice into the body (largest 4-connected tissue), what it encloses, and the outside: every pixel
 * from which a 4-connected path free of body leads to the edge, so room air, table and clothes.
 *
 * hu: [rows * columns]; tissue is at or above tissueHu. Returns one of the four labels per pixel.
 */
export function bodyCells(hu: Float32Array, columns: number, tissueHu: number): Uint8Array {
  const cells = new Uint8Array(hu.length);
  for (let i = 0; i < hu.length; i++) if (hu[i]! >= tissueHu) cells[i] = ENCLOSED_TISSUE;

  const tissue = connectedRuns([cells], columns, [ENCLOSED_TISSUE]);
  const body = largest(tissue);
  paint([cells], columns, tissue, BODY, (component) => component === body);

  const rest = connectedRuns([cells], columns, [ENCLOSED_AIR, ENCLOSED_TISSUE]);
  const lastRow = hu.length / columns - 1;
  const open = new Uint8Array(rest.sizes.length);
  for (let run = 0; run < rest.line.length; run++) {
    const row = rest.line[run]!;
    if (row === 0 || row === lastRow || rest.start[run] === 0 || rest.end[run] === columns)
      open[rest.component[run]!] = 1;
  }
  paint([cells], columns, rest, OUTSIDE, (component) => open[component] === 1);
  return cells;
}
