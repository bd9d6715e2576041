import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readMeta } from '../../src/dicom/meta';
import type { SeriesDetail } from '../fixtures/service';
import type { Archived } from './archive';
import type { Phantom } from './phantoms';

/** Everything after group 2: what the sender sent. */
const dataSetOf = (bytes: Buffer): Buffer => bytes.subarray(readMeta(bytes).end);

/** Files that were answered with Success and are not in the spool with the same bytes: none may be. */
export async function lostOf(
  dataDir: string,
  phantoms: readonly Phantom[],
  acknowledged: Iterable<string>,
): Promise<string[]> {
  const places = new Map(
    phantoms.flatMap(({ studyUid, seriesUid, files }) =>
      files.map(
        ({ path, sopInstanceUid }) => [path, join(studyUid, seriesUid, `${sopInstanceUid}.dcm`)] as const,
      ),
    ),
  );
  const lost: string[] = [];
  for (const path of new Set(acknowledged)) {
    const sent = dataSetOf(await readFile(path));
    const kept = await readFile(join(dataDir, 'spool', places.get(path)!)).then(dataSetOf, () => null);
    if (kept === null || !kept.equals(sent)) lost.push(`${path}: ${kept === null ? 'gone' : 'altered'}`);
  }
  return lost;
}

/** Files of the spool beside those that the phantoms were sent as, unfinished ones among them: none may be. */
export async function strayFiles(dataDir: string, phantoms: readonly Phantom[]): Promise<string[]> {
  const known = new Set(
    phantoms.flatMap(({ studyUid, seriesUid, files }) =>
      files.map(({ sopInstanceUid }) => join(studyUid, seriesUid, `${sopInstanceUid}.dcm`)),
    ),
  );
  const entries = await readdir(join(dataDir, 'spool'), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(dataDir, 'spool').length + 1))
    .filter((name) => name !== 'install.json' && !known.has(name));
}

export interface Holdings {
  objects: readonly Archived[];
  /** It keeps the bytes as they were sent; Orthanc writes an object anew. */
  verbatim: boolean;
}

/**
 * What is wrong with the results of a whole series at a destination; nothing may be. One report and one segmentation
 * of the whole series, one copy of each object of the newest revision, with the bytes that the service keeps; and
 * nothing but what the service has on record. A revision made of the slices that had come before a pause longer than
 * the quiet time may lie beside it.
 */
export async function wrongResults(
  dataDir: string,
  { seriesUid, studyUid, files }: Phantom,
  { series, results }: SeriesDetail,
  { objects, verbatim }: Holdings,
): Promise<string[]> {
  const wrong: string[] = [];
  const there = objects.filter((object) => object.studyUid === studyUid);
  const whole = (modality: string): number =>
    there.filter(
      (object) =>
        object.modality === modality &&
        files.every(({ sopInstanceUid }) => object.references.has(sopInstanceUid)),
    ).length;
  for (const modality of ['SR', 'SEG'])
    if (whole(modality) !== 1) wrong.push(`${whole(modality)} ${modality} of the whole series`);
  for (const { sopInstanceUid, revision, kind } of results) {
    const copies = there.filter((object) => object.sopInstanceUid === sopInstanceUid);
    if (copies.length > 1) wrong.push(`${copies.length} copies of the ${kind} of revision ${revision}`);
    if (copies.length === 0 && revision === series.revision) wrong.push(`no ${kind} of revision ${revision}`);
    const kept = dataSetOf(await readFile(join(dataDir, 'results', seriesUid, `${sopInstanceUid}.dcm`)));
    for (const { dataSet } of copies)
      if (verbatim && !dataSet.equals(kept))
        wrong.push(`the ${kind} of revision ${revision} has other bytes`);
  }
  const known = new Set(results.map(({ sopInstanceUid }) => sopInstanceUid));
  const unknown = there.filter(({ sopInstanceUid }) => !known.has(sopInstanceUid));
  if (unknown.length > 0) wrong.push(`${unknown.length} objects that nobody knows`);
  return wrong.map((sentence) => `series ${seriesUid}: ${sentence}`);
}
