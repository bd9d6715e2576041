import type { ErrorCode } from '../lib/error-codes';
import { RaunetError } from '../lib/errors';
import { isUid } from '../lib/uid';
import type { DataSet } from './data-set';
import { readDataSet } from './read';
import { GENERAL_STATUS } from './statuses';
import { encodeDataSet, type PlainDataSet } from './write';

/** Storage Commitment Push Model, PS3.4 Annex J: SOP Class and its well-known SOP Instance (PS3.6 Table A-1). */
export const STORAGE_COMMITMENT = {
  sopClassUid: '1.2.840.10008.1.20.1',
  sopInstanceUid: '1.2.840.10008.1.20.1.1',
  /** PS3.4 Table J.3-1, Request Storage Commitment. */
  actionType: 1,
  /** PS3.4 Table J.3-2. */
  eventType: { success: 1, failuresExist: 2 },
} as const;

/** One instance that a commitment is about. */
export interface Reference {
  sopClassUid: string;
  sopInstanceUid: string;
}

/** Action Information of an N-ACTION, PS3.4 Table J.3-1. */
export interface CommitmentRequest {
  transactionUid: string;
  references: Reference[];
}

/** Why an instance is not committed to: Failure Reason (0008,1197), PS3.3 Table C.14-1. */
export const FAILURE_REASON = {
  processingFailure: 0x0110,
  noSuchObjectInstance: 0x0112,
  classInstanceConflict: 0x0119,
  sopClassNotSupported: 0x0122,
} as const;

/** Event Information of an N-EVENT-REPORT, PS3.4 Table J.3-2. */
export interface CommitmentReport {
  transactionUid: string;
  committed: Reference[];
  failed: (Reference & { reason: number })[];
}

/** Of an N-ACTION or N-EVENT-REPORT response, where taking the request failed: PS3.7 C.5. */
export const failureStatus = (code: ErrorCode): number =>
  (FAILURE_STATUS[code] ?? GENERAL_STATUS.processingFailure).code;

const FAILURE_STATUS: Partial<Record<ErrorCode, { code: number }>> = {
  RAUNET_DATABASE: GENERAL_STATUS.resourceLimitation, // the peer may try again
  RAUNET_UNREADABLE: GENERAL_STATUS.invalidArgumentValue,
  RAUNET_COMMITMENT_REQUEST: GENERAL_STATUS.invalidArgumentValue,
  RAUNET_COMMITMENT_UNKNOWN: GENERAL_STATUS.invalidArgumentValue,
};

export const encodeCommitmentRequest = (
  { transactionUid, references }: CommitmentRequest,
  transferSyntaxUid: string,
): Buffer =>
  encodeDataSet(
    { TransactionUID: transactionUid, ReferencedSOPSequence: references.map(item) },
    transferSyntaxUid,
  );

export const encodeCommitmentReport = (
  { transactionUid, committed, failed }: CommitmentReport,
  transferSyntaxUid: string,
): Buffer =>
  encodeDataSet(
    {
      TransactionUID: transactionUid,
      // PS3.4 Table J.3-2: each only where it has items.
      FailedSOPSequence:
        failed.length === 0
          ? undefined
          : failed.map((each) => ({ ...item(each), FailureReason: each.reason })),
      ReferencedSOPSequence: committed.length === 0 ? undefined : committed.map(item),
    },
    transferSyntaxUid,
  );

/** Throws RAUNET_UNREADABLE. */
export function decodeCommitmentRequest(bytes: Buffer, transferSyntaxUid: string): CommitmentRequest {
  const dataset = readDataSet(bytes, transferSyntaxUid);
  const references = dataset.items('ReferencedSOPSequence').map(reference);
  if (references.length === 0) throw unreadable('a commitment request without instances');
  return { transactionUid: uid(dataset, 'TransactionUID'), references };
}

/** Throws RAUNET_UNREADABLE. */
export function decodeCommitmentReport(bytes: Buffer, transferSyntaxUid: string): CommitmentReport {
  const dataset = readDataSet(bytes, transferSyntaxUid);
  return {
    transactionUid: uid(dataset, 'TransactionUID'),
    committed: dataset.items('ReferencedSOPSequence').map(reference),
    failed: dataset.items('FailedSOPSequence').map((each) => ({
      ...reference(each),
      reason: each.number('FailureReason') ?? FAILURE_REASON.processingFailure,
    })),
  };
}

const item = ({ sopClassUid, sopInstanceUid }: Reference): PlainDataSet => ({
  ReferencedSOPClassUID: sopClassUid,
  ReferencedSOPInstanceUID: sopInstanceUid,
});

const reference = (dataset: DataSet): Reference => ({
  sopClassUid: uid(dataset, 'ReferencedSOPClassUID'),
  sopInstanceUid: uid(dataset, 'ReferencedSOPInstanceUID'),
});

function uid(dataset: DataSet, keyword: string): string {
  const text = dataset.string(keyword);
  if (text === null || !isUid(text)) throw unreadable(`${keyword} is missing or malformed`);
  return text;
}

const unreadable = (detail: string): RaunetError => new RaunetError('RAUNET_UNREADABLE', { detail });
