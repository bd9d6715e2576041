import type { Clock } from '../lib/clock';
import type { Log } from '../lib/log';

export interface ReconcileDeps<Found extends { receivedAt: Date } = { receivedAt: Date }> {
  /** `<study>/<series>/<name>` of every received file, the files of one series in a row. */
  spoolFiles(): AsyncIterable<string>;
  exists(file: string): Promise<boolean>;
  /** Throws RAUNET_FOLDER_FOREIGN where spool or results is not mounted. */
  mounted(): Promise<void>;
  /** What a file is. Throws RAUNET_SPOOL_ALTERED where it is none of ours. */
  inspect(file: string): Promise<Found>;
  /** Series that failed while their files could not be read are taken up again. */
  reopen(): Promise<void>;
  /** Files on record of a series. */
  recorded(seriesUid: string): Promise<ReadonlyMap<string, { lost: boolean }>>;
  /** Every series that is to have files. */
  recordedSeries(): AsyncIterable<{ seriesUid: string }>;
  /** Records a file as received, with its job. */
  record(found: Found): Promise<void>;
  /** The files of a series are gone. */
  lost(seriesUid: string, files: string[]): Promise<void>;
  /** Makes the jobs that series at work and waiting deliveries lack. Returns what it made them for. */
  resume(): Promise<string[]>;
  log: Log;
  clock: Clock;
}

/** A younger file may belong to an association that has not recorded it yet. */
const SETTLED_MS = 60_000;

/**
 * Compares spool and database both ways. A file that is not on record is recorded as received: an empty database is
 * rebuilt so. A file on record that is gone is marked, and its series fails with RAUNET_SPOOL_MISSING. Then every series
 * at work gets the job it lacks, whatever became of the comparison.
 */
export async function reconcile<Found extends { receivedAt: Date }>(
  deps: ReconcileDeps<Found>,
): Promise<void> {
  const { log } = deps;
  await compare(deps).catch((error: unknown) =>
    log.error('Spool and records could not be compared; it is tried again at the next time', {
      stage: 'spool',
      error,
    }),
  );
  await resumeJobs(deps);
}

/** The last part of it, which needs no spool. */
export async function resumeJobs({ resume, log }: Pick<ReconcileDeps, 'resume' | 'log'>): Promise<void> {
  const resumed = await resume();
  if (resumed.length > 0) log.warn('Made the missing jobs of series at work', { resumed });
}

async function compare<Found extends { receivedAt: Date }>(deps: ReconcileDeps<Found>): Promise<void> {
  await deps.mounted();
  await deps.reopen();
  const seen = new Set<string>();
  for await (const { seriesUid, files } of bySeries(deps.spoolFiles())) {
    seen.add(seriesUid);
    const recorded = await deps.recorded(seriesUid);
    // Shortest first: `<sop>.dcm` before the `<sop>.<hash>.dcm` that came later with other bytes.
    const unknown = files
      .filter((file) => recorded.get(file)?.lost !== false)
      .sort((a, b) => a.length - b.length);
    for (const file of unknown) await adopt(deps, seriesUid, file);
    const present = new Set(files);
    await findLost(deps, seriesUid, recorded, (file) => !present.has(file));
  }
  for await (const { seriesUid } of deps.recordedSeries())
    if (!seen.has(seriesUid)) await findLost(deps, seriesUid, await deps.recorded(seriesUid), () => true);
}

async function adopt<Found extends { receivedAt: Date }>(
  { inspect, record, log, clock }: ReconcileDeps<Found>,
  seriesUid: string,
  file: string,
): Promise<void> {
  try {
    const found = await inspect(file);
    if (clock.now().getTime() - found.receivedAt.getTime() < SETTLED_MS) return;
    await record(found);
    log.warn('A file of the spool was not on record; it is recorded as received', {
      stage: 'spool',
      seriesUid,
      file,
    });
  } catch (error) {
    log.error('A file of the spool is not on record and cannot be recorded', {
      stage: 'spool',
      seriesUid,
      file,
      error,
    });
  }
}

async function findLost(
  { exists, mounted, lost, log }: ReconcileDeps,
  seriesUid: string,
  recorded: ReadonlyMap<string, { lost: boolean }>,
  absent: (file: string) => boolean,
): Promise<void> {
  const gone: string[] = [];
  // Asked again: the file may have come after the folder was read.
  for (const [file, { lost: known }] of recorded)
    if (!known && absent(file) && !(await exists(file))) gone.push(file);
  if (gone.length === 0) return;
  await mounted();
  await lost(seriesUid, gone);
  log.error('Received files are gone from the spool', {
    stage: 'spool',
    seriesUid,
    count: gone.length,
    file: gone[0],
  });
}

async function* bySeries(
  files: AsyncIterable<string>,
): AsyncGenerator<{ seriesUid: string; files: string[] }> {
  let current: { folder: string; files: string[] } | null = null;
  const end = ({ folder, files: all }: { folder: string; files: string[] }) => ({
    seriesUid: folder.slice(folder.lastIndexOf('/') + 1),
    files: all,
  });
  for await (const file of files) {
    const folder = file.slice(0, file.lastIndexOf('/'));
    if (current && current.folder !== folder) {
      yield end(current);
      current = null;
    }
    current ??= { folder, files: [] };
    current.files.push(file);
  }
  if (current) yield end(current);
}
