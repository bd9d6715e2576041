import { type ErrorContext, RaunetError, toRaunetError } from '../lib/errors';
import { hasNoRescale, type OrderedSeries, type Slice } from '../series/types';
import { arePlausibleHu, huOf } from './hu';
import type { Decoder, HuVolume, StoredPixels } from './types';

export interface BuildOptions {
  /** Called with the share of slices that are decoded, 0..1. */
  progress?: (share: number) => void;
  /** Of decoded pixels, two for each; a larger series is refused before any is read. */
  maxBytes?: number;
}

/**
 * Decodes every slice of a series. Throws RAUNET_TOO_LARGE, RAUNET_CORRUPT_PIXELS, RAUNET_SPOOL_MISSING,
 * RAUNET_SPOOL_READ, RAUNET_NO_RESCALE; no slice is being decoded any more when it rejects.
 */
export async function buildVolume(
  series: OrderedSeries,
  decoder: Decoder,
  { progress, maxBytes = Number.POSITIVE_INFINITY }: BuildOptions = {},
): Promise<HuVolume> {
  const { slices, summary } = series;
  const about: ErrorContext = { stage: 'volume', studyUid: summary.studyUid, seriesUid: summary.seriesUid };
  const first = slices[0] as Slice;
  const bytes = slices.length * first.rows * first.columns * 2;
  if (bytes > maxBytes)
    throw new RaunetError('RAUNET_TOO_LARGE', {
      ...about,
      detail: `${slices.length} slices of ${first.rows} x ${first.columns} pixels, ${Math.ceil(bytes / 1e6)} MB of at most ${Math.floor(maxBytes / 1e6)} MB`,
    });
  const pixels: StoredPixels[] = new Array(slices.length);
  let next = 0;
  let done = 0;
  let failure: RaunetError | undefined;
  const decodeInTurn = async (): Promise<void> => {
    while (next < slices.length && failure === undefined) {
      const k = next++;
      try {
        pixels[k] = await decoder.decode(slices[k] as Slice);
        progress?.(++done / slices.length);
      } catch (thrown) {
        failure ??= inSeries(thrown, about);
      }
    }
  };
  await Promise.all(Array.from({ length: decoder.threads }, decodeInTurn));
  decoder.forget();
  if (failure !== undefined) throw failure;

  const huSlice = (k: number): Float32Array => huOf(pixels[k] as StoredPixels, slices[k] as Slice);
  const unscaled = slices.flatMap((slice, k) => (hasNoRescale(slice) ? [k] : []));
  if (unscaled.length > 0 && !arePlausibleHu(lazily(unscaled, huSlice)))
    throw new RaunetError('RAUNET_NO_RESCALE', {
      ...about,
      detail: `${unscaled.length} of ${slices.length} images`,
    });

  const [betweenRows, betweenColumns] = (first.pixelSpacing?.values ?? []) as [number, number];
  return {
    series,
    rows: first.rows,
    columns: first.columns,
    spacingMm: [betweenRows, betweenColumns],
    huSlice,
  };
}

/** A decoder knows the instance, not the series. */
function inSeries(thrown: unknown, about: ErrorContext): RaunetError {
  const { code, context, cause } = toRaunetError(thrown);
  return new RaunetError(code, { ...about, ...context }, { cause });
}

function* lazily<T, R>(items: readonly T[], each: (item: T) => R): Generator<R> {
  for (const item of items) yield each(item);
}
