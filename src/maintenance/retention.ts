import type { Log } from '../lib/log';

interface Series {
  studyUid: string;
  seriesUid: string;
}

export interface RetentionDeps {
  /** Series that ended longer ago than the retention time and still have files. */
  expired(): Promise<Series[]>;
  /** Erases files and rows of one; null where it is no longer expired. */
  erase(series: Series): Promise<{ instances: number; results: number } | null>;
  /** Removes the history of what was erased long ago. */
  forget(): Promise<number>;
  log: Log;
}

/** Erases what is past its time, and says what it erased. A series that cannot be erased does not keep the others. */
export async function retention({ expired, erase, forget, log }: RetentionDeps): Promise<void> {
  const total = { series: 0, instances: 0, results: 0 };
  for (const series of await expired()) {
    try {
      const erased = await erase(series);
      if (!erased) continue;
      log.info('Retention erased a series', { ...series, ...erased });
      total.series++;
      total.instances += erased.instances;
      total.results += erased.results;
    } catch (error) {
      log.error('A series could not be erased; it is tried again at the next run', { ...series, error });
    }
  }
  const forgotten = await forget();
  if (total.series > 0 || forgotten > 0) log.info('Retention ended', { ...total, forgotten });
}
