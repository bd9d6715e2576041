import type { Priority } from '../config/schema';
import type { RecordCounts } from '../records/metrics';
import type { SeriesDetail, SeriesFilter } from '../records/read';
import type { SeriesRecord } from '../records/types';

/** A part of the service as /ready tells of it. */
export interface Part {
  /** E.g. `database`, `destination pacs`. */
  name: string;
  ok: boolean;
  /** Without it the service cannot do its work: /ready then answers 503. A destination that is down is none. */
  required: boolean;
  /** One sentence: what was found; where not ok, what to do. */
  reason: string;
}

/** Series as an operator sees and steers them. What does not fit the state of a series throws RAUNET_STATE. */
export interface SeriesDesk {
  /** Newest first: firstReceivedAt, then seriesUid. */
  list(filter: SeriesFilter): Promise<SeriesRecord[]>;
  /** Null where the series is not known. */
  detail(seriesUid: string): Promise<SeriesDetail | null>;
  /** `by`: who asked, for the history. */
  retry(seriesUid: string, by: string): Promise<void>;
  cancel(seriesUid: string, by: string): Promise<void>;
  setPriority(seriesUid: string, priority: Priority, by: string): Promise<void>;
}

/** Figures that are read when somebody asks for them. */
export interface Gauges {
  records(): Promise<RecordCounts>;
  queues(): Promise<readonly { queue: string; waiting: number; active: number }[]>;
  diskFreeBytes(): Promise<number>;
}
