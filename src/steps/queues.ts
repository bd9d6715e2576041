import type { Config, DestinationConfig, Priority } from '../config/schema';
import type { QueueOptions } from '../jobs/queue';

/** One job a series: is it complete, is it wanted? */
export const SERIES_QUEUE = 'series';
export interface SeriesJob {
  seriesUid: string;
  /** The association that brought it is over: an expected count may now be trusted. */
  associationEnded: boolean;
}

/** One job a series and revision: the pipeline. */
export const ANALYSE_QUEUE = 'analyse';
export interface AnalyseJob {
  seriesUid: string;
  revision: number;
}

/** One queue a destination, so that a stuck one holds back no other; one job a series and revision. */
export const deliverQueue = (destination: string): string => `deliver-${destination}`;
export interface DeliverJob {
  seriesUid: string;
  revision: number;
  destination: string;
}

/** One job for each storage commitment that a peer asked of us. */
export const REPORT_QUEUE = 'report';
export interface ReportJob {
  callingAe: string;
  transactionUid: string;
}
export const reportKey = ({ callingAe, transactionUid }: ReportJob): string =>
  `${callingAe}/${transactionUid}`;
export const reportOptions: QueueOptions = { retryLimit: 20, retrySeconds: 15, retryMaxSeconds: 3600 };

export const analyseKey = ({ seriesUid, revision }: AnalyseJob): string => `${seriesUid}/${revision}`;

/** Higher runs first. */
export const RANK: Record<Priority, number> = { routine: 0, urgent: 10, stat: 20 };

/** Of what a sender sends. */
export const priorityOf = ({ association, jobs }: Config, callingAe: string): Priority =>
  association.allow.find((entry) => entry.callingAe.trim() === callingAe.trim())?.priority ??
  jobs.defaultPriority;

export const seriesOptions: QueueOptions = { retryLimit: 20, retrySeconds: 2, retryMaxSeconds: 60 };

export const analyseOptions = ({ retryLimit }: Config['jobs']): QueueOptions => ({
  retryLimit,
  retrySeconds: 5,
  retryMaxSeconds: 300,
});

export const deliverOptions = (destination: DestinationConfig): QueueOptions => ({
  retryLimit: destination.retryLimit,
  retrySeconds: destination.retrySeconds,
  retryMaxSeconds: destination.retryMaxSeconds,
  longestWaitSeconds: destination.commitment?.reportSeconds ?? 0,
});
