/** Maximal horizontal runs of set pixels, each with the number of its connected component; arrays by run. */
export interface Runs {
  /** Slice * rows + row, ascending. */
  line: readonly number[];
  /** First column, and the one after the last. */
  start: readonly number[];
  end: readonly number[];
  /** 0-based, in raster order of each component's first pixel. */
  component: Int32Array;
  /** Pixels of each component. */
  sizes: Float64Array;
}

/**
 * Face-connected components: 4-connected in one slice, 6-connected in a stack.
 *
 * Works on runs, not pixels, so that a stack of 300 slices needs a few megabytes instead of a label per voxel.
 * slices: label images [rows * columns] of one size; a pixel is set where its value is one of `members`.
 */
export function connectedRuns(
  slices: readonly Uint8Array[],
  columns: number,
  members: readonly number[],
): Runs {
  const rows = slices.length === 0 ? 0 : slices[0]!.length / columns;
  const isMember = new Uint8Array(256);
  for (const value of members) isMember[value] = 1;
  const line: number[] = [];
  const start: number[] = [];
  const end: number[] = [];
  const parent: number[] = [];
  /** Index of the first run of each line. */
  const firstOf: number[] = [];

  const find = (run: number): number => {
    let root = run;
    while (parent[root] !== root) root = parent[root]!;
    for (let at = run; at !== root; ) {
      const next = parent[at]!;
      parent[at] = root;
      at = next;
    }
    return root;
  };
  /** Joins the newest line's runs with those of an older line where they share a column. */
  const joinWith = (older: number, newest: number) => {
    let a = firstOf[older]!;
    let b = firstOf[newest]!;
    while (a < firstOf[older + 1]! && b < line.length) {
      if (start[a]! < end[b]! && start[b]! < end[a]!) {
        const rootA = find(a);
        const rootB = find(b);
        // the first in raster order stays the root, which makes the numbering below one of raster order
        parent[Math.max(rootA, rootB)] = Math.min(rootA, rootB);
      }
      if (end[a]! < end[b]!) a++;
      else b++;
    }
  };

  for (const [slice, pixels] of slices.entries()) {
    for (let row = 0; row < rows; row++) {
      const lineIndex = slice * rows + row;
      firstOf.push(line.length);
      const offset = row * columns;
      for (let column = 0; column < columns; column++) {
        if (isMember[pixels[offset + column]!] === 0) continue;
        const from = column;
        while (column < columns && isMember[pixels[offset + column]!] === 1) column++;
        parent.push(line.length);
        line.push(lineIndex);
        start.push(from);
        end.push(column);
      }
      if (row > 0) joinWith(lineIndex - 1, lineIndex);
      if (slice > 0) joinWith(lineIndex - rows, lineIndex);
    }
  }

  const component = new Int32Array(line.length);
  const sizes: number[] = [];
  for (let run = 0; run < line.length; run++) {
    const root = find(run);
    component[run] = root === run ? sizes.push(0) - 1 : component[root]!;
    sizes[component[run]!]! += end[run]! - start[run]!;
  }
  return { line, start, end, component, sizes: Float64Array.from(sizes) };
}

/** Half-open pixel box: rows [top, bottom), columns [left, right). */
export interface PixelBox {
  top: number;
  bottom: number;
  left: number;
  right: number;
}

/** Bounding box of each component of a single slice. */
export function boxes(runs: Runs): PixelBox[] {
  const found: PixelBox[] = [];
  for (let run = 0; run < runs.line.length; run++) {
    const row = runs.line[run]!;
    const box = (found[runs.component[run]!] ??= { top: row, bottom: row, left: Infinity, right: 0 });
    box.bottom = row + 1;
    box.left = Math.min(box.left, runs.start[run]!);
    box.right = Math.max(box.right, runs.end[run]!);
  }
  return found;
}

/** Bounding box over all slices of the pixels with this label, or of all that are not 0; null where there is none. */
export function boundingBox(slices: readonly Uint8Array[], columns: number, label?: number): PixelBox | null {
  const isIn = (value: number): boolean => (label === undefined ? value !== 0 : value === label);
  const box = { top: Infinity, bottom: 0, left: Infinity, right: 0 };
  for (const slice of slices) {
    for (let row = 0, line = 0; line < slice.length; row++, line += columns) {
      let first = 0;
      while (first < columns && !isIn(slice[line + first]!)) first++;
      if (first === columns) continue;
      let last = columns - 1;
      while (!isIn(slice[line + last]!)) last--;
      box.top = Math.min(box.top, row);
      box.bottom = Math.max(box.bottom, row + 1);
      box.left = Math.min(box.left, first);
      box.right = Math.max(box.right, last + 1);
    }
  }
  return box.bottom === 0 ? null : box;
}

/** Writes `value` into every pixel of the components that are wanted. */
export function paint(
  slices: readonly Uint8Array[],
  columns: number,
  runs: Runs,
  value: number,
  wanted: (component: number) => boolean,
): void {
  const rows = slices.length === 0 ? 1 : slices[0]!.length / columns;
  for (let run = 0; run < runs.line.length; run++) {
    if (!wanted(runs.component[run]!)) continue;
    const slice = Math.floor(runs.line[run]! / rows);
    const offset = (runs.line[run]! - slice * rows) * columns;
    slices[slice]!.fill(value, offset + runs.start[run]!, offset + runs.end[run]!);
  }
}

/** Component with the most pixels, the first of equals; -1 where there is none. */
export const largest = (runs: Runs): number =>
  runs.sizes.indexOf(runs.sizes.reduce((a, b) => Math.max(a, b), 0));
