/** Half-open pixel box in a slice: rows [top, bottom), columns [left, right). One box per series. */
export interface LungBox {
  top: number;
  bottom: number;
  left: number;
  right: number;
}

/** What of the volume goes to the model. */
export interface ModelGrid {
  box: LungBox;
  /** Indices of the slices that hold lung, ascending; the others are background without asking the model. */
  lungSlices: readonly number[];
  /** Rows and columns of the model's input. */
  size: readonly [number, number];
}
