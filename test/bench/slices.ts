import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DEFAULT_CHEST } from '../../src/demo/phantom/chest';
import { phantomSeries } from '../../src/demo/phantom/series';

/** A series as files. */
export interface Slices {
  files: string[];
  seriesUid: string;
  /** 1e6 bytes. */
  megabytes: number;
}

/** The phantom chest CT of the demo: slices of 512 KB. */
export async function writeSlices(folder: string, count: number): Promise<Slices> {
  await mkdir(folder, { recursive: true });
  const series = phantomSeries({ ...DEFAULT_CHEST, slices: count });
  const files: string[] = [];
  for (let k = 0; k < count; k += 1) {
    const file = join(folder, `${String(k + 1).padStart(4, '0')}.dcm`);
    await writeFile(file, series.instance(k).bytes);
    files.push(file);
  }
  const sizes = await Promise.all(files.map(async (file) => (await stat(file)).size));
  return { files, seriesUid: series.seriesUid, megabytes: sizes.reduce((sum, size) => sum + size, 0) / 1e6 };
}

/** The same files `times` over. */
export const repeated = ({ files, seriesUid, megabytes }: Slices, times: number): Slices => ({
  files: Array.from({ length: times }, () => files).flat(),
  seriesUid,
  megabytes: megabytes * times,
});
