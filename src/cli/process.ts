import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Analyst, analysisLimits, openAnalyst } from '../analysis/analyst';
import type { Analysed } from '../analysis/protocol';
import { type Codes, loadCodes } from '../config/codes';
import type { Config } from '../config/schema';
import type { Deliverable } from '../delivery/types';
import { openInference } from '../inference/open';
import { CLASSES } from '../inference/types';
import { toRaunetError } from '../lib/errors';
import { createLog } from '../lib/log';
import { PACKAGE_ROOT } from '../lib/package';
import { shown } from '../lib/shown';
import type { Producer } from '../result/types';
import { producerOf } from '../steps/producer';
import { openBar } from './bar';
import { type DicomFolder, readDicomFolder } from './dicom-folder';
import { EXIT, type ExitCode } from './exit-codes';
import { npyOf } from './npy';
import { pngOf } from './png';
import { table } from './table';

export interface ProcessDeps {
  analyst: Analyst;
  config: Config;
  codes: Codes;
  producer: Producer;
  print: (line: string) => void;
}

/** What was made of one series, as `--json` prints it. */
interface Report {
  seriesUid: string;
  outcome: 'done' | 'refused';
  code?: string;
  sentence?: string;
  folder?: string;
  files?: string[];
  measurements?: Analysed['measurements'];
  warnings?: readonly string[];
}

interface Asked {
  directory: string;
  out: string;
  json: boolean;
}

/** `raunet process`: looks at both folders first, then opens the model, and closes it again. */
export async function processCommand(
  asked: Asked,
  config: Config,
  print: ProcessDeps['print'],
): Promise<ExitCode> {
  const log = createLog('warn', process.stderr);
  const found = await readDicomFolder(asked.directory);
  await mkdir(asked.out, { recursive: true });
  const inference = await openInference({ config: config.inference, log, root: PACKAGE_ROOT });
  const analyst = openAnalyst({ inference, log, limits: analysisLimits(config) });
  try {
    const producer = producerOf('offline', config, inference);
    return await processFolder(found, asked, { config, codes: loadCodes(), producer, analyst, print });
  } finally {
    await analyst.close();
    await inference.close();
  }
}

/**
 * Every series of a folder through the pipeline, without PACS and database. Writes
 * <out>/<series UID>/ with the DICOM objects, overview.png, mask.npy (uint8 [slices, rows, columns], feet to head or
 * as the normal goes) and report.json.
 */
async function processFolder(
  { series, leftOut }: DicomFolder,
  { out, json }: Asked,
  deps: ProcessDeps,
): Promise<ExitCode> {
  const reports: Report[] = [];
  for (const [seriesUid, files] of series) reports.push(await processSeries(seriesUid, files, out, deps));
  if (json) deps.print(JSON.stringify(reports, null, 2));
  else {
    for (const report of reports) deps.print(inWords(report));
    if (leftOut.length > 0) deps.print(`${leftOut.length} other files were left out.`);
  }
  return reports.every(({ outcome }) => outcome === 'done') ? EXIT.ok : EXIT.failed;
}

async function processSeries(
  seriesUid: string,
  files: readonly Deliverable[],
  out: string,
  deps: ProcessDeps,
): Promise<Report> {
  const bar = openBar();
  const report = (stage: string, done: number): void => bar.show(stage, done);
  try {
    const { producer, codes, config } = deps;
    const material = {
      files: files.map(({ file }) => file),
      sender: { callingAe: null, calledAe: null },
    };
    const analysed = await deps.analyst.analyse(material, {
      report,
      context: () => ({
        producer,
        codes,
        options: config.result,
        createdAt: new Date(),
        erasures: 0,
        remarks: [],
        predecessor: null,
      }),
      pictures: {
        title: 'Raunet PACS: findings',
        subtitle: 'AI result, research use, not for sole diagnosis',
      },
    });
    const folder = join(out, seriesUid);
    const written = await writeAll(folder, analysed);
    return {
      seriesUid,
      outcome: 'done',
      folder,
      files: written,
      measurements: analysed.measurements,
      warnings: analysed.warnings.map(({ sentence }) => sentence),
    };
  } catch (thrown) {
    const { code, message } = toRaunetError(thrown, { seriesUid });
    return { seriesUid, outcome: 'refused', code, sentence: message };
  } finally {
    bar.end();
  }
}

async function writeAll(folder: string, { objects, measurements, pictures }: Analysed): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const counted = new Map<string, number>();
  const files: [string, Buffer][] = objects.map(({ kind, bytes }) => {
    const n = (counted.get(kind) ?? 0) + 1;
    counted.set(kind, n);
    return [`${kind}${n > 1 ? n : ''}.dcm`, bytes];
  });
  if (pictures !== null) {
    files.push(['overview.png', pngOf(pictures.overview)]);
    files.push(['mask.npy', npyOf(pictures.mask, pictures.rows, pictures.columns)]);
  }
  files.push(['report.json', Buffer.from(`${JSON.stringify(measurements, null, 2)}\n`)]);
  for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
  return files.map(([name]) => name);
}

export const CLASS_NAMES = CLASSES.slice(1);

function inWords({ seriesUid, outcome, sentence, folder, measurements, warnings }: Report): string {
  if (outcome === 'refused' || measurements === undefined) return `Series ${seriesUid}\n  ${sentence}`;
  const rows = measurements.classes.map(({ volumeMl, meanHu, percentOfLung }, i) => [
    CLASS_NAMES[i]!,
    shown(volumeMl, 1),
    meanHu === null ? '-' : meanHu.toFixed(0),
    percentOfLung === null ? '-' : shown(percentOfLung, 1),
  ]);
  return [
    `Series ${seriesUid}`,
    table(['class', 'mL', 'mean HU', '% of lung'], rows),
    ...(measurements.lungGateReason === null ? [] : [`  No percentages: ${measurements.lungGateReason}`]),
    ...(warnings ?? []).map((warning) => `  Note: ${warning}`),
    `  Written to ${folder}`,
  ].join('\n');
}
