import type { Slice } from '../series/types';
import type { StoredPixels } from './types';

/** How samples lie in the bytes. */
export interface Layout {
  rows: number;
  columns: number;
  bytesPerSample: 1 | 2;
  littleEndian: boolean;
  bitsStored: number;
  highBit: number;
  signed: boolean;
}

/**
 * Of native pixels, and of RLE, which holds them as allocated (PS3.5 G.2). Throws where PS3.5 8.1.1 forbids the header's
 * numbers, and on more than 16 bits.
 */
export function nativeLayout(slice: Slice, littleEndian: boolean): Layout {
  const { rows, columns, bitsAllocated, bitsStored, highBit, pixelRepresentation } = slice;
  if (
    (bitsAllocated !== 8 && bitsAllocated !== 16) ||
    bitsStored < 1 ||
    highBit < bitsStored - 1 ||
    highBit >= bitsAllocated
  )
    throw new Error(`${bitsStored} bits up to bit ${highBit} of ${bitsAllocated} cannot be read`);
  return {
    rows,
    columns,
    bytesPerSample: bitsAllocated === 8 ? 1 : 2,
    littleEndian,
    bitsStored,
    highBit,
    signed: pixelRepresentation === 1,
  };
}

/**
 * Of what a codec other than RLE gave back: little endian, values at the low end. Its own signedness is not believed.
 * Throws where the header's numbers do not fit.
 */
export function decodedLayout(slice: Slice, decodedBytes: number): Layout {
  const { rows, columns, bitsStored, highBit, pixelRepresentation } = slice;
  const bytesPerSample = decodedBytes / (rows * columns);
  if (bytesPerSample !== 1 && bytesPerSample !== 2)
    throw new Error(`the decoder gave ${decodedBytes} bytes for ${rows * columns} pixels`);
  if (bitsStored < 1 || bitsStored > 8 * bytesPerSample)
    throw new Error(`${bitsStored} bits do not fit ${bytesPerSample} bytes`);
  if (highBit !== bitsStored - 1)
    throw new Error(`${bitsStored} bits up to bit ${highBit} under this transfer syntax cannot be read`);
  return {
    rows,
    columns,
    bytesPerSample,
    littleEndian: true,
    bitsStored,
    highBit,
    signed: pixelRepresentation === 1,
  };
}

/** Stored values: bits above and below are dropped (overlays, padding), the sign is extended (PS3.5 8.1.1). */
export function storedPixels(bytes: Uint8Array, layout: Layout): StoredPixels {
  const { bytesPerSample, littleEndian, bitsStored, highBit, signed } = layout;
  const count = layout.rows * layout.columns;
  const raw = new Uint16Array(count);
  if (bytesPerSample === 1) raw.set(bytes.subarray(0, count));
  else {
    const copy = Buffer.from(raw.buffer);
    copy.set(bytes.subarray(0, 2 * count));
    if (!littleEndian) copy.swap16();
  }
  const below = highBit + 1 - bitsStored;
  if (bitsStored === 16) return signed ? new Int16Array(raw.buffer) : raw;
  const mask = (1 << bitsStored) - 1;
  if (!signed) {
    for (let i = 0; i < count; i++) raw[i] = ((raw[i] as number) >> below) & mask;
    return raw;
  }
  const out = new Int16Array(raw.buffer);
  const up = 32 - bitsStored;
  for (let i = 0; i < count; i++) out[i] = (((raw[i] as number) >> below) << up) >> up;
  return out;
}
