import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Deliverable } from '../delivery/types';
import { readHeaderOfFile } from '../dicom/read';
import { RaunetError } from '../lib/errors';
import { isUid } from '../lib/uid';
import { WrongPath } from './wrong-path';

export interface DicomFolder {
  /** By SeriesInstanceUID, files in the order of their names. */
  series: Map<string, Deliverable[]>;
  /** Files that are no DICOM, or no images, or of a series that cannot be the name of a folder. */
  leftOut: string[];
}

/** Every DICOM file below a folder, by series. Throws WrongPath where there is none, and what the file system throws. */
export async function readDicomFolder(folder: string): Promise<DicomFolder> {
  const series: DicomFolder['series'] = new Map();
  const leftOut: string[] = [];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.sort()) {
    const found = await identify(file);
    if (found === null) leftOut.push(file);
    else series.set(found.seriesUid, [...(series.get(found.seriesUid) ?? []), found.deliverable]);
  }
  if (series.size === 0)
    throw new WrongPath(`No DICOM images below ${folder}. Name a folder that holds a CT series.`);
  return { series, leftOut };
}

async function identify(file: string): Promise<{ seriesUid: string; deliverable: Deliverable } | null> {
  try {
    const { transferSyntaxUid, dataset } = await readHeaderOfFile(file);
    const [sopClassUid, sopInstanceUid, seriesUid] = [
      'SOPClassUID',
      'SOPInstanceUID',
      'SeriesInstanceUID',
    ].map((keyword) => dataset.string(keyword));
    if (!sopClassUid || !sopInstanceUid || !seriesUid || !dataset.has('PixelData')) return null;
    if (!isUid(seriesUid)) return null;
    return { seriesUid, deliverable: { file, sopClassUid, sopInstanceUid, transferSyntaxUid } };
  } catch (error) {
    if (error instanceof RaunetError) return null;
    throw error;
  }
}
