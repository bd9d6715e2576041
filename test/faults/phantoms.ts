import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../fixtures/peer-tools';

/** A phantom chest CT as files, one a slice. */
export interface Phantom {
  studyUid: string;
  seriesUid: string;
  /** Feet to head. */
  files: { path: string; sopInstanceUid: string }[];
}

export interface PhantomOptions {
  /** Rows and columns. */
  size: number;
  slices: number;
  seed: number;
}

/** As JSON on the last line. Small matrices: what is tested here is what becomes of a series, not what is seen in it. */
const SCRIPT = `
  const { mkdirSync, readFileSync, writeFileSync } = require('node:fs');
  const { phantomSeries } = require('./dist/demo/phantom/series.js');
  const [to] = process.argv.slice(1);
  const made = JSON.parse(readFileSync(to + '/options.json')).map((options) => {
    const series = phantomSeries({ lesions: true, ...options });
    mkdirSync(to + '/' + series.seriesUid);
    const files = Array.from({ length: series.count }, (_, k) => {
      const { sopInstanceUid, bytes } = series.instance(k);
      const path = to + '/' + series.seriesUid + '/' + String(k).padStart(4, '0') + '.dcm';
      writeFileSync(path, bytes);
      return { path, sopInstanceUid };
    });
    return { studyUid: series.studyUid, seriesUid: series.seriesUid, files };
  });
  console.log(JSON.stringify(made));`;

/** One series for each of `options`, below `to`, made by the built service in a process of its own. */
export async function makePhantoms(to: string, options: readonly PhantomOptions[]): Promise<Phantom[]> {
  await mkdir(to, { recursive: true });
  await writeFile(join(to, 'options.json'), JSON.stringify(options));
  const { stdout } = await run(process.execPath, '-e', SCRIPT, to);
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as Phantom[];
}
