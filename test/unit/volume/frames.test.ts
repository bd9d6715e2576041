import { framesOf } from '../../../src/volume/frames';

const jpeg = (n: number) => Uint8Array.of(0xff, 0xd8, n);
const jpeg2000 = (n: number) => Uint8Array.of(0xff, 0x4f, 0xff, 0x51, n);
const rest = (n: number) => Uint8Array.of(n);

const frames = (fragments: Uint8Array[], count: number, frameOffsets: number[] = []) => {
  const fragmentOffsets = fragments.map((_, i) =>
    fragments.slice(0, i).reduce((sum, { length }) => sum + 8 + length, 0),
  );
  const frame = framesOf({ kind: 'encapsulated', fragments, fragmentOffsets, frameOffsets }, count);
  return Array.from({ length: count }, (_, i) => [...frame(i)]);
};

test('one frame is all fragments together', () =>
  expect(frames([rest(1), rest(2), rest(3)], 1)).toEqual([[1, 2, 3]]));

test('one fragment for each frame', () => expect(frames([rest(1), rest(2)], 2)).toEqual([[1], [2]]));

test('an offset table goes before the look of the fragments (PS3.5 A.4)', () =>
  expect(frames([rest(1), jpeg(2), rest(3)], 2, [0, 20])).toEqual([[1, 0xff, 0xd8, 2], [3]]));

test.each([
  ['JPEG', jpeg],
  ['JPEG 2000', jpeg2000],
])('without a table a frame begins where a %s stream begins', (_, start) =>
  expect(frames([start(1), rest(2), rest(3), start(4), rest(5)], 2)).toEqual([
    [...start(1), 2, 3],
    [...start(4), 5],
  ]),
);

test('a table that points between fragments is not believed', () =>
  expect(frames([jpeg(1), jpeg(2)], 2, [0, 5])).toEqual([[...jpeg(1)], [...jpeg(2)]]));

test('fragments that do not make up the frames are refused', () => {
  expect(() => frames([], 1)).toThrow('no fragment');
  expect(() => frames([jpeg(1), rest(2), rest(3)], 2)).toThrow('3 fragments do not make up 2 frames');
  expect(() => frames([jpeg(1)], 2)).toThrow('1 fragments do not make up 2 frames');
});

test('where frames begin is looked up once, whatever their number: a file may have thousands', () => {
  const COUNT = 300;
  let reads = 0;
  const counted = <T extends object>(values: T): T =>
    new Proxy(values, {
      get: (target, key) => {
        if (/^\d+$/.test(String(key))) reads++;
        return Reflect.get(target, key) as unknown;
      },
    });
  const offsets = Array.from({ length: COUNT }, (_, i) => 9 * i);
  const frame = framesOf(
    {
      kind: 'encapsulated',
      fragments: offsets.map((_, i) => rest(i % 256)),
      fragmentOffsets: counted(offsets),
      frameOffsets: counted([...offsets]),
    },
    COUNT,
  );
  for (let i = 0; i < COUNT; i++) expect(frame(i)).toEqual(rest(i % 256));
  expect(reads).toBeLessThan(4 * COUNT);
});
