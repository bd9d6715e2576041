import type { Priority } from '../config/schema';
import type { ErrorCode } from '../lib/error-codes';
import type { Stage } from '../lib/stages';

/** A stage while a series is in it, or how it ended. `spool`: still arriving. `delivery`: results wait to be sent. */
export type SeriesState = Exclude<Stage, 'association'> | 'done' | 'refused' | 'failed' | 'cancelled';

/** One instance that was acknowledged. */
export interface InstanceRecord {
  sopInstanceUid: string;
  sopClassUid: string;
  transferSyntaxUid: string;
  studyUid: string;
  seriesUid: string;
  /** Relative to the spool folder. */
  file: string;
  sha256: string;
  sizeBytes: number;
  /** Other bytes under a known SOP Instance UID: kept beside it, never analysed. */
  conflicting: boolean;
  /** Gone from the spool or altered there; sent again, it is whole again. */
  lost: boolean;
  receivedAt: Date;
}

export interface SeriesRecord {
  seriesUid: string;
  studyUid: string;
  state: SeriesState;
  priority: Priority;
  callingAe: string;
  calledAe: string;
  /** IP address of the sender. */
  callingAddress: string;
  instances: number;
  /** Instances that sender or PACS told of; null when nobody did. */
  expectedInstances: number | null;
  /** Counts sets of results: analyses that were begun on new instances, or again after the last one's results were on record. */
  revision: number;
  /** Within the stage, 0..1. */
  progress: number;
  code: ErrorCode | null;
  reason: string | null;
  firstReceivedAt: Date;
  lastReceivedAt: Date;
  updatedAt: Date;
  /** When it entered done, refused, failed or cancelled. */
  finishedAt: Date | null;
  /** When retention erased its files. */
  erasedAt: Date | null;
}

/** One line of a series' history: state changes, choices with their reason, warnings, operator actions. */
export interface SeriesEvent {
  at: Date;
  state: SeriesState;
  code: string | null;
  sentence: string;
  actor: 'service' | 'operator';
}

export interface ResultRecord {
  sopInstanceUid: string;
  sopClassUid: string;
  transferSyntaxUid: string;
  kind: 'SEG' | 'SR' | 'SC';
  seriesUid: string;
  /** Series that was analysed. */
  sourceSeriesUid: string;
  revision: number;
  /** Relative to the results folder. */
  file: string;
  sha256: string;
  createdAt: Date;
}

/**
 * `stored`: the destination has the objects and is asked to commit to them. `delivered`: it has committed. `sent`: it has
 * them and is not asked. `superseded`: a newer revision, or another destination, took its place before it was sent.
 */
export type DeliveryState = 'waiting' | 'stored' | 'delivered' | 'sent' | 'dead' | 'superseded';

export interface DeliveryRecord {
  sourceSeriesUid: string;
  revision: number;
  destination: string;
  state: DeliveryState;
  attempts: number;
  code: ErrorCode | null;
  reason: string | null;
  updatedAt: Date;
}
