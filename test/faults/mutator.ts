import fc from 'fast-check';

/** A change of bytes; positions are parts of the length, so that a case fits seeds of any size. */
type Change =
  | { kind: 'set'; at: number; value: number }
  | { kind: 'flip'; at: number; bit: number }
  | { kind: 'number'; at: number; size: 2 | 4; value: number; little: boolean }
  | { kind: 'insert'; at: number; bytes: Uint8Array }
  | { kind: 'remove'; at: number; length: number }
  | { kind: 'repeat'; at: number; length: number; times: number }
  | { kind: 'cut'; at: number };

/** Lengths that parsers get wrong: none, the ends of signed and unsigned ranges, odd ones, the undefined length. */
const AWKWARD = [
  0, 1, 2, 3, 7, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xfffe, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe,
  0xffffffff,
];

/** Not fc.double: nearly all of its values are next to nothing. */
export const share = fc.nat(9999).map((n) => n / 10_000);
const at = share;
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), at, value: fc.nat(255) }),
  fc.record({ kind: fc.constant('flip' as const), at, bit: fc.nat(7) }),
  fc.record({
    kind: fc.constant('number' as const),
    at,
    size: fc.constantFrom(2 as const, 4 as const),
    value: fc.oneof(fc.constantFrom(...AWKWARD), fc.nat(0xffff)),
    little: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('insert' as const),
    at,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }),
  }),
  fc.record({ kind: fc.constant('remove' as const), at, length: fc.integer({ min: 1, max: 64 }) }),
  fc.record({
    kind: fc.constant('repeat' as const),
    at,
    length: fc.integer({ min: 1, max: 64 }),
    times: fc.integer({ min: 1, max: 40 }),
  }),
  fc.record({ kind: fc.constant('cut' as const), at }),
);

/** One of the seeds, by its number, with one to six changes. */
export const mutated = (seeds: readonly Uint8Array[]): fc.Arbitrary<Buffer> =>
  fc
    .tuple(fc.nat(seeds.length - 1), fc.array(change, { minLength: 1, maxLength: 6 }))
    .map(([n, changes]) => changes.reduce(apply, Buffer.from(seeds[n]!)));

function apply(bytes: Buffer, change: Change): Buffer {
  const at = Math.floor(change.at * bytes.length);
  switch (change.kind) {
    case 'set':
      if (bytes.length > 0) bytes[at] = change.value;
      return bytes;
    case 'flip':
      if (bytes.length > 0) bytes[at]! ^= 1 << change.bit;
      return bytes;
    case 'number': {
      if (at + change.size > bytes.length) return bytes;
      const value = change.size === 2 ? change.value & 0xffff : change.value;
      if (change.little) bytes.writeUIntLE(value, at, change.size);
      else bytes.writeUIntBE(value, at, change.size);
      return bytes;
    }
    case 'insert':
      return Buffer.concat([bytes.subarray(0, at), change.bytes, bytes.subarray(at)]);
    case 'remove':
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + change.length)]);
    case 'repeat': {
      const piece = bytes.subarray(at, at + change.length);
      return Buffer.concat([
        bytes.subarray(0, at),
        ...Array<Buffer>(change.times).fill(piece),
        bytes.subarray(at),
      ]);
    }
    case 'cut':
      return bytes.subarray(0, at);
  }
}
