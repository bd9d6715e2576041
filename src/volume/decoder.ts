import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { type NativePixels, readPixelData } from '../dicom/pixel-data';
import { TRANSFER_SYNTAX } from '../dicom/uids';
import { RaunetError } from '../lib/errors';
import { readFailure } from '../lib/read-failure';
import type { Slice } from '../series/types';
import { checkCodeStream, codecOf } from './code-stream';
import { framesOf } from './frames';
import { decodedLayout, nativeLayout, storedPixels } from './stored';
import type { Decoder, StoredPixels } from './types';
import { openWorkers } from './workers';

/** PS3.5 A.1, A.2, A.3, A.5: pixels under any other syntax are in fragments; a wrong syntax is no reason to guess. */
const NATIVE = new Set<string>([
  TRANSFER_SYNTAX.implicitLittleEndian,
  TRANSFER_SYNTAX.explicitLittleEndian,
  TRANSFER_SYNTAX.explicitBigEndian,
  TRANSFER_SYNTAX.deflatedExplicitLittleEndian,
]);

export interface DecoderOptions {
  /** Worker threads for compressed pixels; started when first needed. */
  threads: number;
  /** For one slice; a stream that takes longer twice is corrupt. */
  timeoutSeconds: number;
  /** Of one multi-frame file, which is read whole. */
  maxFileBytes?: number;
}

/** More `readFile` refuses to read. */
const MAX_READ_BYTES = 2 ** 31 - 1;

/**
 * A decoder of files on disk. Native pixels are read in this thread; compressed ones, after checks of their markers,
 * in disposable workers. Close it: workers keep the process alive.
 */
export function openDecoder({
  threads,
  timeoutSeconds,
  maxFileBytes = MAX_READ_BYTES,
}: DecoderOptions): Decoder {
  const workers = openWorkers(threads, timeoutSeconds * 1000);
  const largest = Math.min(maxFileBytes, MAX_READ_BYTES);
  let last: { file: string; pixels: Promise<FilePixels> } | null = null;

  /** A multi-frame file is read once for all of its frames. */
  function load(slice: Slice): Promise<FilePixels> {
    if (last?.file !== slice.file) last = { file: slice.file, pixels: loadPixelData(slice, largest) };
    return last.pixels;
  }

  async function decodeFrame(slice: Slice): Promise<StoredPixels> {
    const pixels = await load(slice);
    const frame = (slice.frameNumber ?? 1) - 1;
    if (pixels.kind === 'native') {
      if (!NATIVE.has(pixels.transferSyntaxUid))
        throw new Error(`uncompressed pixels under transfer syntax ${pixels.transferSyntaxUid}`);
      const layout = nativeLayout(slice, pixels.littleEndian);
      const frameLength = slice.rows * slice.columns * layout.bytesPerSample;
      const expected = frameLength * slice.frameCount;
      // PS3.5 8.1.1: padded to even length.
      if (pixels.bytes.length !== expected + (expected % 2))
        throw new Error(`PixelData has ${pixels.bytes.length} bytes, not ${expected}`);
      return storedPixels(pixels.bytes.subarray(frame * frameLength, (frame + 1) * frameLength), layout);
    }
    const codec = codecOf(pixels.transferSyntaxUid);
    const encoded = pixels.bytesOf(frame);
    checkCodeStream(codec, encoded, slice);
    const { rows, columns, bitsAllocated, bitsStored, pixelRepresentation } = slice;
    const decoded = await workers.decode({
      codec,
      encoded,
      rows,
      columns,
      bitsAllocated,
      bitsStored,
      pixelRepresentation,
    });
    return storedPixels(
      decoded,
      codec === 'rle' ? nativeLayout(slice, true) : decodedLayout(slice, decoded.length),
    );
  }

  return {
    threads,
    async decode(slice) {
      try {
        return await decodeFrame(slice);
      } catch (thrown) {
        const { file, sopInstanceUid } = slice;
        const context = { stage: 'volume', sopInstanceUid } as const;
        if (thrown instanceof RaunetError && thrown.code === 'RAUNET_TOO_LARGE') throw thrown;
        throw readFailure(thrown, basename(file), 'RAUNET_SPOOL_MISSING', context) ?? corrupt(thrown, slice);
      }
    },
    forget() {
      last = null;
    },
    close: () => workers.close(),
  };
}

type FilePixels = { transferSyntaxUid: string } & (
  | NativePixels
  | { kind: 'encapsulated'; bytesOf: (frame: number) => Uint8Array }
);

async function loadPixelData(slice: Slice, maxBytes: number): Promise<FilePixels> {
  const { file, frameCount } = slice;
  if (frameCount > 1) await refuseLarge(slice, maxBytes);
  const pixels = readPixelData(await readFile(file));
  return pixels.kind === 'native' ? pixels : { ...pixels, bytesOf: framesOf(pixels, frameCount) };
}

/** A file that would not fit into memory, or into one buffer. */
async function refuseLarge({ file, sopInstanceUid }: Slice, maxBytes: number): Promise<void> {
  const { size } = await stat(file);
  if (size > maxBytes)
    throw new RaunetError('RAUNET_TOO_LARGE', {
      stage: 'volume',
      sopInstanceUid,
      detail: `${basename(file)} has ${Math.ceil(size / 1e6)} MB of at most ${Math.floor(maxBytes / 1e6)} MB in one file`,
    });
}

function corrupt(thrown: unknown, { sopInstanceUid, frameNumber }: Slice): RaunetError {
  const detail =
    thrown instanceof RaunetError ? (thrown.context.detail ?? thrown.code) : (thrown as Error).message;
  return new RaunetError(
    'RAUNET_CORRUPT_PIXELS',
    {
      stage: 'volume',
      sopInstanceUid,
      detail: frameNumber === null ? detail : `frame ${frameNumber}: ${detail}`,
    },
    { cause: thrown },
  );
}
