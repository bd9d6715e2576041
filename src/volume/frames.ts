import type { EncapsulatedPixels } from '../dicom/pixel-data';

/**
 * The compressed bytes of each frame, by its 0-based number (PS3.5 A.4): by the offset table; else one fragment for each
 * frame; else a frame begins at each fragment that begins a code stream. Throws where the fragments do not make up
 * `frameCount` frames.
 */
export function framesOf(pixels: EncapsulatedPixels, frameCount: number): (frame: number) => Uint8Array {
  const starts = frameStarts(pixels, frameCount);
  return (frame) => {
    const fragments = pixels.fragments.slice(starts[frame], starts[frame + 1]);
    return fragments.length === 1 ? (fragments[0] as Uint8Array) : Buffer.concat(fragments);
  };
}

/** Index of the first fragment of each frame. */
function frameStarts(
  { fragments, fragmentOffsets, frameOffsets }: EncapsulatedPixels,
  frameCount: number,
): number[] {
  if (fragments.length === 0) throw new Error('PixelData has no fragment');
  if (frameCount === 1) return [0];
  if (frameOffsets.length === frameCount) {
    const fragmentAt = new Map(fragmentOffsets.map((offset, i) => [offset, i]));
    const starts = frameOffsets.map((offset) => fragmentAt.get(offset) ?? -1);
    if (starts.every((start, i) => start > (starts[i - 1] ?? -1))) return starts;
  }
  if (fragments.length === frameCount) return fragments.map((_, i) => i);
  const starts = fragments.flatMap((fragment, i) => (beginsCodeStream(fragment) ? [i] : []));
  if (starts.length !== frameCount || starts[0] !== 0)
    throw new Error(`${fragments.length} fragments do not make up ${frameCount} frames`);
  return starts;
}

/** SOI of JPEG and JPEG-LS, SOC + SIZ of JPEG 2000. RLE keeps a frame in one fragment (PS3.5 A.4.2). */
const beginsCodeStream = (fragment: Uint8Array): boolean =>
  fragment[0] === 0xff &&
  (fragment[1] === 0xd8 || (fragment[1] === 0x4f && fragment[2] === 0xff && fragment[3] === 0x51));
