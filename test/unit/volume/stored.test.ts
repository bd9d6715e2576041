import fc from 'fast-check';
import { decodedLayout, nativeLayout, storedPixels } from '../../../src/volume/stored';
import { ctSlice } from '../../fixtures/ct';

const words = (...values: number[]) => new Uint8Array(Uint16Array.from(values).buffer);
const native = (bytes: Uint8Array, changes: object, littleEndian = true) => {
  const count = bytes.length / ((changes as { bitsAllocated?: number }).bitsAllocated === 8 ? 1 : 2);
  return [
    ...storedPixels(bytes, nativeLayout(ctSlice(0, { rows: 1, columns: count, ...changes }), littleEndian)),
  ];
};
const unsigned12 = { bitsStored: 12, highBit: 11, pixelRepresentation: 0 };
const signed12 = { bitsStored: 12, highBit: 11, pixelRepresentation: 1 };

test.each<[string, object, number[], number[]]>([
  ['signed 16 bits', {}, [0, 1, 0xf830, 0x8000], [0, 1, -2000, -32768]],
  ['unsigned 16 bits', { pixelRepresentation: 0 }, [0, 0xf830, 0xffff], [0, 63536, 65535]],
  ['unsigned 12 in 16, high bits ignored', unsigned12, [0x0fff, 0xf123, 0x8000], [4095, 0x123, 0]],
  [
    'signed 12 in 16, sign extended, high bits ignored',
    signed12,
    [0x0800, 0x07ff, 0xf7ff, 0x0fff],
    [-2048, 2047, 2047, -1],
  ],
  ['12 bits at the high end', { ...unsigned12, highBit: 15 }, [0xfff0, 0x123f], [4095, 0x123]],
  ['signed 12 bits at the high end', { ...signed12, highBit: 15 }, [0x8000, 0xffff], [-2048, -1]],
  ['1 bit', { bitsStored: 1, highBit: 0, pixelRepresentation: 0 }, [1, 2, 3], [1, 0, 1]],
])('%s', (_, changes, raw, expected) => expect(native(words(...raw), changes)).toEqual(expected));

test('8 bits allocated', () => {
  const bits = { bitsAllocated: 8, bitsStored: 8, highBit: 7 };
  expect(native(Uint8Array.of(0, 127, 128, 255), { ...bits, pixelRepresentation: 0 })).toEqual([
    0, 127, 128, 255,
  ]);
  expect(native(Uint8Array.of(0, 127, 128, 255), { ...bits, pixelRepresentation: 1 })).toEqual([
    0, 127, -128, -1,
  ]);
});

test('big endian', () =>
  expect(native(Uint8Array.of(0xf8, 0x30, 0x00, 0x01), {}, false)).toEqual([-2000, 1]));

test('the source bytes are not touched, at any offset', () => {
  const file = Uint8Array.of(9, 0xf8, 0x30, 9);
  expect(native(file.subarray(1, 3), {}, false)).toEqual([-2000]);
  expect(file).toEqual(Uint8Array.of(9, 0xf8, 0x30, 9));
});

test.each([
  { bitsAllocated: 32, bitsStored: 32, highBit: 31 },
  { bitsStored: 0, highBit: -1 },
  { bitsStored: 12, highBit: 10 },
  { bitsStored: 12, highBit: 16 },
])('numbers that PS3.5 8.1.1 forbids are refused: %p', (changes) =>
  expect(() => nativeLayout(ctSlice(0, changes), true)).toThrow('cannot be read'),
);

test('what a codec gives is read at the low end by the header, whatever the stream says of its sign', () => {
  const slice = ctSlice(0, { rows: 1, columns: 2, bitsStored: 13, highBit: 12 });
  expect([...storedPixels(words(6192, 1), decodedLayout(slice, 4))]).toEqual([-2000, 1]);
  expect(() => decodedLayout(slice, 3)).toThrow('3 bytes for 2 pixels');
  expect(() => decodedLayout(slice, 2)).toThrow('13 bits do not fit 1 bytes');
});

test('every value that fits BitsStored comes back, with any bits around it', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 16 }),
      fc.boolean(),
      fc.nat(65535),
      fc.nat(65535),
      fc.nat(15),
      (bits, signed, value, noise, up) => {
        const shift = Math.min(up, 16 - bits);
        const mask = 2 ** bits - 1;
        const raw = ((noise & ~(mask << shift)) | ((value & mask) << shift)) & 65535;
        const expected = signed && value & (2 ** (bits - 1)) ? (value & mask) - 2 ** bits : value & mask;
        const layout = { bitsStored: bits, highBit: bits - 1 + shift, pixelRepresentation: signed ? 1 : 0 };
        // A lone bit is shifted down like any other.
        expect(native(words(raw), layout)).toEqual([expected]);
      },
    ),
  );
});
