import type { Config } from '../config/schema';
import type { CommitmentReport, CommitmentRequest } from '../dicom/commitment';
import type { ErrorCode } from '../lib/error-codes';
import type { Log } from '../lib/log';
import type { AcceptedSopClass } from './presentation-contexts';
import type { Rejection } from './rejections';

export type AssociationConfig = Config['association'];

/** Who sends, as negotiated. */
export interface Peer {
  callingAe: string;
  calledAe: string;
  /** IP address; IPv4 in dotted form also on a dual-stack socket. */
  address: string;
}

/** What is known of an instance before its data set comes, and stands in group 2 of its file (PS3.10 7.1). */
export interface InstanceMeta {
  sopInstanceUid: string;
  sopClassUid: string;
  transferSyntaxUid: string;
  callingAe: string;
  calledAe: string;
}

/** One instance whose bytes would survive a power cut. */
export interface StoredInstance extends InstanceMeta {
  studyUid: string;
  seriesUid: string;
  /** Relative to the spool folder. */
  file: string;
  /** Of the whole file, lower-case hex. */
  sha256: string;
  sizeBytes: number;
  /** Other bytes under a known SOP Instance UID: kept beside it, never analysed. */
  conflicting: boolean;
  receivedAt: Date;
}

/** What `store` must have durable before the sender gets Success. */
export interface Receipt extends StoredInstance {
  modality: string | null;
  /** The same bytes were here before: nothing new, but they may not have been recorded then. */
  duplicate: boolean;
  callingAddress: string;
}

/** A data set on its way to the disk. `close` ends it, whether it was kept or not. */
export interface IncomingFile {
  /** The next bytes of the data set, in order. Resolves when more may come. */
  write(bytes: Buffer): Promise<void>;
  /** At most the first `length` bytes of the Part 10 file written so far. */
  head(length: number): Promise<Buffer>;
  /** Durable under its final name, once, after the last byte. Throws RAUNET_SPOOL_WRITE. */
  keep(place: { studyUid: string; seriesUid: string }): Promise<StoredInstance & { duplicate: boolean }>;
  /** Frees what is held; what was not kept is gone. Never throws; once more does nothing more. */
  close(): Promise<void>;
}

/** What the association needs of the spool. */
export interface InstanceSpool {
  /** Does not wait for the disk: its first refusal comes with a later call. */
  receive(meta: InstanceMeta): IncomingFile;
  /** Removes what broken transfers left behind longer ago than this. */
  sweep(olderThanSeconds: number): Promise<void>;
}

/** What the service does about storage commitment. Success is answered when it is durable. */
export interface CommitmentHandlers {
  /** A peer asks whether we hold its instances; the report on it follows later. Throws RAUNET_DATABASE, RAUNET_COMMITMENT_REQUEST. */
  requested(request: CommitmentRequest, peer: Peer): Promise<void>;
  /** A peer answers what we asked, perhaps not for the first time. Throws RAUNET_DATABASE, RAUNET_COMMITMENT_UNKNOWN. */
  reported(report: CommitmentReport, peer: Peer): Promise<void>;
}

/** Instances of a study that came on one association. */
export interface StudyTransfer {
  studyUid: string;
  /** Number of instances by SOP class. */
  sopClasses: Record<string, number>;
}

export interface AssociationEnd extends Peer {
  /** Series of which at least one instance was acknowledged. */
  seriesUids: string[];
  /** Ended by A-RELEASE. */
  clean: boolean;
}

/** Counters. They must not throw; if one does, it is logged and nothing else happens. */
export interface AssociationMetrics {
  /** An instance was acknowledged with Success. */
  instance(sizeBytes: number): void;
  /** An association was rejected, or a connection closed unheard: the name of a REJECTION, or 'too many connections'. */
  rejected(reason: string): void;
  /** An instance or a storage commitment message was refused, an association broken, or a TLS handshake failed. */
  failed(code: ErrorCode): void;
}

export interface ListenerDeps {
  config: AssociationConfig;
  /** What it is SCP of; left out: the service's own, ACCEPTED_SOP_CLASSES. The demo's receiver takes results. */
  sopClasses?: readonly AcceptedSopClass[];
  spool: InstanceSpool;
  log: Log;
  /** The database transaction; Success is sent after it resolved, 0xA700 when it rejects, unless its error is permanent. */
  store(receipt: Receipt): Promise<void>;
  /** Asked for each new association: why it cannot be taken now, or null. */
  admit(): Rejection | null;
  associationEnded(end: AssociationEnd): void | Promise<void>;
  /** Left out: N-ACTION and N-EVENT-REPORT are no operations that we know. */
  commitment?: CommitmentHandlers;
  /** A peer's first instance of a study was stored. */
  transferBegins?(peer: Peer, study: StudyTransfer): void;
  /** An association ended that brought instances of it; `failure`: null where it brought all that it meant to. */
  transferred?(peer: Peer, study: StudyTransfer, failure: string | null): void;
  /** How often the certificate files are looked at; left out: every 5 s. */
  certificateLookMs?: number;
  /** Somebody was not let in: an association was rejected, or a TLS handshake came to nothing. */
  refused?(refusal: { reason: string; address: string; callingAe?: string; calledAe?: string }): void;
  metrics?: AssociationMetrics;
}

export interface Listener {
  port: number;
  /**
   * Takes no new connection. Graceful: an instance in transfer is finished and answered, then its association is
   * aborted (the sender sends the rest again elsewhere or later); not graceful: sockets are destroyed at once.
   */
  close(graceful: boolean): Promise<void>;
  /**
   * Reports on the association on which `callingAe` asked, where that is still open: true when the peer acknowledged
   * it, false where it has to be told otherwise.
   */
  report(callingAe: string, report: CommitmentReport): Promise<boolean>;
  stats(): { connections: number; associations: number };
}
