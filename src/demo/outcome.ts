import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pngOf } from '../cli/png';
import { CLASS_NAMES } from '../cli/process';
import { table } from '../cli/table';
import { loadCodes } from '../config/codes';
import type { Deliverable } from '../delivery/types';
import { shown } from '../lib/shown';
import { readHeaders } from '../pipeline';
import { contactSheet } from '../result/picture/contact-sheet';
import { arrange } from '../series/arrange';
import { buildVolume } from '../volume/build';
import { openDecoder } from '../volume/decoder';
import type { PhantomSeries } from './phantom/series';
import type { Received } from './receiver';
import { compare, dice, type FoundMasks, readSegmentation } from './segmentation';
import type { SeriesStatus } from './watch';

export interface DemoOutcome {
  files: readonly Deliverable[];
  received: readonly Received[];
  status: SeriesStatus;
  /** Null for a real series, whose truth nobody knows. */
  truth: { series: PhantomSeries; truth: ReadonlyMap<string, Uint8Array> } | null;
  out: string;
}

/** Tables on the terminal and overlay.png, all from what came back over DICOM. */
export async function showOutcome(outcome: DemoOutcome, print: (line: string) => void): Promise<void> {
  const { files, received, status, truth, out } = outcome;
  const seg = received.find(({ kind }) => kind === 'SEG');
  const found: FoundMasks = seg === undefined ? new Map() : readSegmentation(await readFile(seg.file));
  const { voxelMl, overviewFile } = await drawOverview(files, found, out);

  print('\n  What was found');
  if (truth === null)
    print(
      table(
        ['class', 'found mL'],
        compare(found, found).map((overlap, i) => [CLASS_NAMES[i]!, shown(overlap.found * voxelMl, 1)]),
      ),
    );
  else
    print(
      table(
        ['class', 'found mL', 'truth mL', 'Dice'],
        compare(found, truth.truth).map((overlap, i) => [
          CLASS_NAMES[i]!,
          shown(overlap.found * voxelMl, 1),
          shown(overlap.truth * voxelMl, 1),
          dice(overlap)?.toFixed(2) ?? '-',
        ]),
      ),
    );
  print('\n  Where the time went');
  print(
    table(
      ['stage', 'seconds'],
      status.seconds.map(({ state, seconds }) => [state, seconds.toFixed(1)]),
    ),
  );
  print(`\n  Overlay: ${overviewFile}`);
}

async function drawOverview(
  files: readonly Deliverable[],
  found: FoundMasks,
  out: string,
): Promise<{ voxelMl: number; overviewFile: string }> {
  const { slices, summary } = await readHeaders(
    files.map(({ file }) => file),
    { callingAe: null, calledAe: null },
  );
  const decoder = openDecoder({ threads: 1, timeoutSeconds: 20 });
  try {
    const volume = await buildVolume(arrange(slices, summary), decoder);
    const empty = new Uint8Array(volume.rows * volume.columns);
    const mask = volume.series.slices.map(({ sopInstanceUid }) => found.get(sopInstanceUid) ?? empty);
    const codes = loadCodes();
    const sheet = contactSheet(volume, mask, codes, {
      title: 'Raunet PACS demo',
      subtitle: 'What came back as DICOM SEG. AI result, research use, not for sole diagnosis.',
    });
    const overviewFile = join(out, 'overlay.png');
    await writeFile(overviewFile, pngOf(sheet));
    const extent = volume.series.extentsMm.reduce((sum, mm) => sum + mm, 0) / volume.series.extentsMm.length;
    return { voxelMl: (volume.spacingMm[0] * volume.spacingMm[1] * extent) / 1000, overviewFile };
  } finally {
    await decoder.close();
  }
}
