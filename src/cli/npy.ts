/** NumPy's .npy format 1.0, C order: slices of uint8 [slices, rows, columns]. */
export function npyOf(slices: readonly Uint8Array[], rows: number, columns: number): Buffer {
  const description = `{'descr': '|u1', 'fortran_order': False, 'shape': (${slices.length}, ${rows}, ${columns}), }`;
  // Magic, version and length take 10 bytes; the whole header is a multiple of 64 and ends with a line feed.
  const padded = `${description.padEnd(Math.ceil((description.length + 11) / 64) * 64 - 11)}\n`;
  const head = Buffer.alloc(10);
  head.write('\x93NUMPY\x01\x00', 'latin1');
  head.writeUInt16LE(padded.length, 8);
  return Buffer.concat([head, Buffer.from(padded, 'latin1'), ...slices]);
}
