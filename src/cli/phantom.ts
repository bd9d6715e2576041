import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_CHEST } from '../demo/phantom/chest';
import { type PhantomSeries, phantomSeries } from '../demo/phantom/series';
import { openBar } from './bar';

/** `raunet phantom --out DIR`: writes the phantom series, one file a slice. Resolves to the series and its files. */
export async function writePhantom(
  out: string,
  { slices = DEFAULT_CHEST.slices, lesions = true } = {},
): Promise<{ series: PhantomSeries; truth: Map<string, Uint8Array> }> {
  await mkdir(out, { recursive: true });
  const series = phantomSeries({ ...DEFAULT_CHEST, slices, lesions });
  /** By SOP Instance UID: row-major class indices. */
  const truth = new Map<string, Uint8Array>();
  const bar = openBar();
  for (let k = 0; k < series.count; k += 1) {
    const instance = series.instance(k);
    truth.set(instance.sopInstanceUid, instance.truth);
    await writeFile(join(out, `${String(k + 1).padStart(4, '0')}.dcm`), instance.bytes);
    bar.show('phantom', (k + 1) / series.count);
  }
  bar.end();
  return { series, truth };
}
