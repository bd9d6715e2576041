import { mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readHeader } from '../../../src/dicom/read';
import { SOP_CLASS, TRANSFER_SYNTAX } from '../../../src/dicom/uids';
import { type PlainDataSet, writePart10 } from '../../../src/dicom/write';
import { toSlices } from '../../../src/series/slices';
import type { Slice } from '../../../src/series/types';
import { openDecoder } from '../../../src/volume/decoder';
import type { Decoder } from '../../../src/volume/types';
import { ctFile } from '../../fixtures/ct';
import { encode, header, type Image } from '../../fixtures/encode';

/** Real worker threads, counted. `fates`: what becomes of the next jobs in place of being done. */
const mockThreads = { started: 0, ended: 0, fates: [] as ('dies' | 'hangs')[] };
jest.mock('node:worker_threads', () => {
  const real = jest.requireActual<typeof import('node:worker_threads')>('node:worker_threads');
  return {
    ...real,
    Worker: class extends real.Worker {
      constructor(...options: ConstructorParameters<typeof real.Worker>) {
        super(...options);
        mockThreads.started++;
        this.once('exit', () => mockThreads.ended++);
      }

      override postMessage(...message: Parameters<InstanceType<typeof real.Worker>['postMessage']>): void {
        const fate = mockThreads.fates.shift();
        if (fate === undefined) super.postMessage(...message);
        if (fate === 'dies') void this.terminate();
      }
    },
  };
});

let folder: string;
let decoder: Decoder;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'raunet-volume-'));
  decoder = openDecoder({ threads: 2, timeoutSeconds: 20 });
});
afterAll(async () => {
  await decoder.close();
  await rm(folder, { recursive: true });
});

/** How many values differ: a thousand of them are no message to read. */
const differences = (values: readonly number[], original: Image): number =>
  original.values.filter((value, i) => value !== values[i]).length +
  Math.abs(values.length - original.values.length);

let files = 0;
async function slicesOf(bytes: Buffer): Promise<Slice[]> {
  const file = join(folder, `${files++}.dcm`);
  await writeFile(file, bytes);
  return toSlices(file, readHeader(bytes));
}
const decode = async (bytes: Buffer): Promise<number[]> => [
  ...(await decoder.decode((await slicesOf(bytes))[0] as Slice)),
];
const corrupt = (bytes: Buffer, detail: string | RegExp) =>
  expect(decode(bytes)).rejects.toMatchObject({
    code: 'RAUNET_CORRUPT_PIXELS',
    context: { stage: 'volume', sopInstanceUid: '1.2.3.1', detail: expect.stringMatching(detail) },
  });

/** Noise on a slope, so that no codec can cheat; the extremes of the range are in it. */
function image(bitsStored: number, signed: boolean, seed = 1): Image {
  const low = signed ? -(2 ** (bitsStored - 1)) : 0;
  const high = low + 2 ** bitsStored - 1;
  const values = Array.from(
    { length: 40 * 24 },
    (_, i) => low + ((i * 7 + ((i * seed * 7919) % 97)) % (high - low + 1)),
  );
  values[0] = low;
  values[1] = high;
  return { rows: 24, columns: 40, bitsStored, signed, values };
}

const CODECS = {
  rle: TRANSFER_SYNTAX.rle,
  'JPEG lossless': TRANSFER_SYNTAX.jpegLosslessFirstOrder,
  'JPEG-LS': TRANSFER_SYNTAX.jpegLsLossless,
  'JPEG 2000': TRANSFER_SYNTAX.jpeg2000Lossless,
  HTJ2K: TRANSFER_SYNTAX.htj2kLossless,
} as const;

async function compressed(
  syntax: string,
  of: Image,
  change = (stream: Uint8Array) => stream,
): Promise<Buffer> {
  return ctFile({ ...header(of), PixelData: [change(await encode(of, syntax))] }, syntax);
}

describe.each(Object.entries(CODECS))('%s', (name, syntax) => {
  test.each([
    [16, true],
    [16, false],
    [12, true],
    [12, false],
    [13, true],
  ])('%d bits, signed %p: every stored value comes back', async (bits, signed) => {
    const original = image(bits, signed);
    expect(differences(await decode(await compressed(syntax, original)), original)).toBe(0);
  });

  test('a stream that is cut short is refused, at every length', async () => {
    const whole = await encode(image(12, false), syntax);
    for (const share of [0, 0.02, 0.3, 0.9, 0.999])
      await corrupt(
        await compressed(syntax, image(12, false), () =>
          whole.slice(0, Math.floor(share * (whole.length - 1))),
        ),
        /./,
      );
  });

  test('a stream that is cut short and closed with an end marker is refused', async () => {
    const whole = await encode(image(12, false), syntax);
    for (const share of [0.2, 0.5, 0.9]) {
      const part = Buffer.concat([whole.subarray(0, share * whole.length), Buffer.from([0xff, 0xd9])]);
      await corrupt(await compressed(syntax, image(12, false), () => part), /./);
    }
  });

  test('a stream of another size than the header says is refused', async () => {
    const stream = await encode(image(12, false), syntax);
    const bytes = ctFile({ ...header(image(12, false)), Rows: 25, PixelData: [stream] }, syntax);
    await corrupt(bytes, /the header says 40 x 25|one byte for each pixel/);
  });

  test('8 bits allocated: every stored value comes back', async () => {
    const original: Image = { ...image(8, false), bitsAllocated: 8 };
    expect(differences(await decode(await compressed(syntax, original)), original)).toBe(0);
  });

  test('a stream of larger cells than the header says is refused', async () => {
    const stream = await encode(image(12, false), syntax);
    const eight = header({ ...image(8, false), bitsAllocated: 8 });
    await corrupt(ctFile({ ...eight, PixelData: [stream] }, syntax), /the header says 8 bits allocated/);
  });

  test('a stream of smaller cells than the header says gives its values or is refused', async () => {
    const original: Image = { ...image(8, false), bitsAllocated: 8 };
    const bytes = ctFile(
      { ...header(image(12, false)), PixelData: [await encode(original, syntax)] },
      syntax,
    );
    if (['rle', 'JPEG lossless'].includes(name)) await corrupt(bytes, /the header says 16 bits allocated/);
    else
      await decode(bytes).then(
        (values) => expect(differences(values, original)).toBe(0),
        (error: unknown) => expect(error).toMatchObject({ code: 'RAUNET_CORRUPT_PIXELS' }),
      );
  });

  test('12 bits at the high end: RLE holds the cells as they are allocated (PS3.5 G.2), no other is guessed', async () => {
    const original = image(12, false);
    const cells = { ...original, bitsStored: 16, values: original.values.map((value) => value << 4) };
    const bytes = ctFile(
      { ...header(original), HighBit: 15, PixelData: [await encode(cells, syntax)] },
      syntax,
    );
    if (name === 'rle') expect(differences(await decode(bytes), original)).toBe(0);
    else await corrupt(bytes, '12 bits up to bit 15 under this transfer syntax cannot be read');
  });
});

test('a bad stream does no harm to those after it, in any codec', async () => {
  const original = image(12, true);
  for (let round = 0; round < 2; round++)
    for (const syntax of Object.values(CODECS)) {
      const spoil = (stream: Uint8Array) =>
        stream.map((byte, i) => (i > 100 && i < stream.length - 2 ? (i * 31) & 0x7f : byte));
      await decode(await compressed(syntax, original, spoil)).catch((error: unknown) =>
        expect(error).toMatchObject({ code: 'RAUNET_CORRUPT_PIXELS' }),
      );
      expect(differences(await decode(await compressed(syntax, original)), original)).toBe(0);
    }
});

describe('native pixels', () => {
  const original = image(16, true);
  const native = async (changes: PlainDataSet = {}, syntax: string = TRANSFER_SYNTAX.explicitLittleEndian) =>
    ctFile({ ...header(original), PixelData: await encode(original, syntax), ...changes }, syntax);

  test('explicit and deflated', async () => {
    expect(await decode(await native())).toEqual(original.values);
    expect(await decode(await native({}, TRANSFER_SYNTAX.deflatedExplicitLittleEndian))).toEqual(
      original.values,
    );
  });
  test('of a wrong length are refused', async () => {
    await corrupt(await native({ PixelData: new Uint8Array(1918) }), 'PixelData has 1918 bytes, not 1920');
    await corrupt(await native({ PixelData: new Uint8Array(1922) }), 'PixelData has 1922 bytes, not 1920');
    await corrupt(await native({ PixelData: undefined }), 'there is no PixelData');
  });
  test('of a file that is cut short are refused', async () => {
    const whole = await native();
    const [slice] = await slicesOf(whole);
    await writeFile((slice as Slice).file, whole.subarray(0, -100));
    await expect(decoder.decode(slice as Slice)).rejects.toMatchObject({ code: 'RAUNET_CORRUPT_PIXELS' });
  });
  test('an odd number of 8-bit pixels is padded to even length (PS3.5 8.1.1)', async () => {
    const pixels = {
      Rows: 1,
      Columns: 3,
      BitsAllocated: 8,
      BitsStored: 8,
      HighBit: 7,
      PixelRepresentation: 0,
    };
    expect(await decode(ctFile({ ...pixels, PixelData: Uint8Array.of(1, 2, 255) }))).toEqual([1, 2, 255]);
  });
});

test('wrong transfer syntax: native pixels under a compressed one, one codec under another, one that nobody reads', async () => {
  const original = image(12, false);
  const native = ctFile({ ...header(original), PixelData: await encode(original, '') });
  const relabelled = Buffer.from(
    native.toString('latin1').replaceAll('1.2.840.10008.1.2.1\0', '1.2.840.10008.1.2.5\0'),
    'latin1',
  );
  await corrupt(relabelled, 'uncompressed pixels under transfer syntax 1.2.840.10008.1.2.5');
  const streams = Object.values(CODECS);
  for (const [i, syntax] of streams.entries()) {
    const other = streams[(i + 1) % streams.length] as string;
    await corrupt(ctFile({ ...header(original), PixelData: [await encode(original, syntax)] }, other), /./);
  }
  await corrupt(
    ctFile({ PixelData: [new Uint8Array(8)] }, '1.2.840.10008.1.2.4.100'),
    'no decoder for transfer syntax',
  );
});

test('a file that is gone is named as missing from the spool', async () => {
  const [slice] = await slicesOf(ctFile());
  await rm((slice as Slice).file);
  await expect(decoder.decode(slice as Slice)).rejects.toMatchObject({
    code: 'RAUNET_SPOOL_MISSING',
    context: { sopInstanceUid: '1.2.3.1' },
  });
});

test('a file that cannot be read now is no corrupt one: transient, with what the system says', async () => {
  const [slice] = await slicesOf(ctFile());
  await rm((slice as Slice).file);
  await symlink((slice as Slice).file, (slice as Slice).file);
  await expect(decoder.decode(slice as Slice)).rejects.toMatchObject({
    code: 'RAUNET_SPOOL_READ',
    class: 'transient',
    context: { sopInstanceUid: '1.2.3.1', detail: expect.stringMatching(/^\d+\.dcm: ELOOP$/) },
  });
});

describe('a large file of several frames', () => {
  const answer = async (maxFileBytes: number, length: number | null = null) => {
    const other = openDecoder({ threads: 1, timeoutSeconds: 20, maxFileBytes });
    const [single] = await slicesOf(ctFile());
    const slice = { ...(single as Slice), rows: 4, frameCount: 2 };
    if (length !== null) await truncate(slice.file, length);
    const told = await other.decode(slice).catch((error: unknown) => error);
    await other.close();
    return told;
  };
  test('as large as allowed is read', async () => expect(await answer(ctFile().length)).toHaveLength(32));
  test.each([
    ['allowed', 1e6, 1e6 + 1, /^\d+\.dcm has 2 MB of at most 1 MB in one file$/],
    ['can be read at all', 1e12, 2 ** 31, /^\d+\.dcm has 2148 MB of at most 2147 MB in one file$/],
  ])('larger than %s: TOO_LARGE, and nothing of it is read', async (_, maxFileBytes, length, detail) =>
    expect(await answer(maxFileBytes, length)).toMatchObject({
      code: 'RAUNET_TOO_LARGE',
      context: { stage: 'volume', sopInstanceUid: '1.2.3.1', detail: expect.stringMatching(detail) },
    }),
  );
});

describe('frames of an Enhanced CT', () => {
  const frames = [image(12, false, 1), image(12, false, 2), image(12, false, 3)];
  const enhanced = (pixels: PlainDataSet['string'], syntax: string) =>
    writePart10({
      sopClassUid: SOP_CLASS.enhancedCt,
      sopInstanceUid: '1.2.3.1',
      transferSyntaxUid: syntax,
      dataset: {
        ...header(frames[0] as Image),
        SamplesPerPixel: 1,
        NumberOfFrames: 3,
        PerFrameFunctionalGroupsSequence: [{}, {}, {}],
        PixelData: pixels,
      },
    });
  const all = async (bytes: Buffer) =>
    Promise.all((await slicesOf(bytes)).map(async (slice) => [...(await decoder.decode(slice))]));
  const expected = frames.map(({ values }) => values);

  test('native', async () => {
    const bytes = Buffer.concat(await Promise.all(frames.map((frame) => encode(frame, ''))));
    expect(await all(enhanced(bytes, TRANSFER_SYNTAX.explicitLittleEndian))).toEqual(expected);
  });
  test.each(Object.entries(CODECS))('%s', async (_, syntax) => {
    const streams = await Promise.all(frames.map((frame) => encode(frame, syntax)));
    expect(await all(enhanced(streams, syntax))).toEqual(expected);
  });
  test('an Extended Offset Table says where they begin (PS3.3 C.7.6.3.1.8)', async () => {
    const syntax = TRANSFER_SYNTAX.rle;
    const streams = await Promise.all(frames.map((frame) => encode(frame, syntax)));
    const offsets = streams.map((_, i) =>
      streams.slice(0, i).reduce((sum, { length }) => sum + 8 + length + (length % 2), 0),
    );
    const file = enhanced(streams, syntax);
    const pixelData = file.lastIndexOf(Buffer.from('e07f1000', 'hex'));
    const table = Buffer.concat([
      Buffer.from('e07f01004f56000018000000', 'hex'),
      Buffer.from(BigUint64Array.from(offsets, BigInt).buffer),
    ]);
    expect(await all(Buffer.concat([file.subarray(0, pixelData), table, file.subarray(pixelData)]))).toEqual(
      expected,
    );
  });
  test('one file is read once for all of its frames, until it is forgotten', async () => {
    const slices = await slicesOf(
      enhanced(
        Buffer.concat(await Promise.all(frames.map((frame) => encode(frame, '')))),
        TRANSFER_SYNTAX.explicitLittleEndian,
      ),
    );
    const [first, second, third] = slices as [Slice, Slice, Slice];
    await decoder.decode(first);
    await rm(first.file);
    expect([...(await decoder.decode(second))]).toEqual(expected[1]);
    decoder.forget();
    await expect(decoder.decode(third)).rejects.toMatchObject({ code: 'RAUNET_SPOOL_MISSING' });
  });
  test('the corrupt one is named', async () => {
    const syntax = TRANSFER_SYNTAX.jpegLsLossless;
    const streams = await Promise.all(frames.map((frame) => encode(frame, syntax)));
    streams[1] = (streams[1] as Uint8Array).slice(0, -20);
    await expect(all(enhanced(streams, syntax))).rejects.toThrow(
      /frame 2: the code stream has no end marker/,
    );
  });
});

describe('worker threads', () => {
  beforeEach(() => {
    mockThreads.started = mockThreads.ended = 0;
    mockThreads.fates = [];
  });

  test('are kept from slice to slice, thrown away after a bad one, and end with the decoder', async () => {
    const other = openDecoder({ threads: 1, timeoutSeconds: 20 });
    const original = image(12, false);
    const syntax = TRANSFER_SYNTAX.jpegLsLossless;
    const spoil = (stream: Uint8Array) =>
      stream.map((byte, i) => (i > 100 && i < stream.length - 2 ? (i * 31) & 0x7f : byte));
    const [good] = await slicesOf(await compressed(syntax, original));
    const [bad] = await slicesOf(await compressed(syntax, original, spoil));
    await other.decode(good as Slice);
    await other.decode(good as Slice);
    expect(mockThreads).toMatchObject({ started: 1, ended: 0 });
    await expect(other.decode(bad as Slice)).rejects.toMatchObject({ code: 'RAUNET_CORRUPT_PIXELS' });
    expect(mockThreads).toMatchObject({ started: 1, ended: 1 });
    expect(differences([...(await other.decode(good as Slice))], original)).toBe(0);
    expect(mockThreads).toMatchObject({ started: 2, ended: 1 });
    await other.close();
    expect(mockThreads).toMatchObject({ started: 2, ended: 2 });
  });

  test.each([
    ['dies', 'the decoder died'],
    ['hangs', 'not decoded within 4 s'],
  ] as const)(
    'a slice whose thread %s is decoded in a fresh one; twice, it is corrupt',
    async (fate, why) => {
      const other = openDecoder({ threads: 1, timeoutSeconds: 4 });
      const original = image(12, false);
      const [slice] = await slicesOf(await compressed(TRANSFER_SYNTAX.rle, original));
      mockThreads.fates = [fate];
      expect(differences([...(await other.decode(slice as Slice))], original)).toBe(0);
      expect(mockThreads).toMatchObject({ started: 2, ended: 1 });
      mockThreads.fates = [fate, fate];
      await expect(other.decode(slice as Slice)).rejects.toMatchObject({
        code: 'RAUNET_CORRUPT_PIXELS',
        context: { detail: why },
      });
      expect(mockThreads).toMatchObject({ started: 3, ended: 3 });
      await other.close();
    },
  );

  test('are thrown away when a slice takes longer than allowed', async () => {
    const hasty = openDecoder({ threads: 1, timeoutSeconds: 0.001 });
    const [slice] = await slicesOf(await compressed(TRANSFER_SYNTAX.rle, image(12, false)));
    await expect(hasty.decode(slice as Slice)).rejects.toThrow('not decoded within 0.001 s');
    expect(mockThreads).toMatchObject({ started: 2, ended: 2 });
    await hasty.close();
  });

  test('are none for native pixels', async () => {
    const other = openDecoder({ threads: 1, timeoutSeconds: 20 });
    await other.decode((await slicesOf(ctFile()))[0] as Slice);
    expect(mockThreads.started).toBe(0);
    await other.close();
  });
});

test('closing refuses what is being decoded and what waits', async () => {
  const other = openDecoder({ threads: 1, timeoutSeconds: 20 });
  const [slice] = await slicesOf(await compressed(TRANSFER_SYNTAX.rle, image(12, false)));
  const outcomes = Promise.allSettled([1, 2, 3].map(() => other.decode(slice as Slice)));
  await new Promise((resolve) => setTimeout(resolve, 30));
  await other.close();
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
});
