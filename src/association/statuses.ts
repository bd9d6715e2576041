import { GENERAL_STATUS } from '../dicom/statuses';
import type { ErrorCode } from '../lib/error-codes';

export interface DimseStatus {
  code: number;
  /** The standard's word for it. */
  meaning: string;
  /** When we answer so. */
  when: string;
  clause: string;
}

/** Every status that we answer. The conformance statement is made from it. */
export const STATUS = {
  success: {
    code: 0x0000,
    meaning: 'Success',
    when: 'C-ECHO; C-STORE after the file and its record are durable; N-ACTION and N-EVENT-REPORT after their record is',
    clause: 'PS3.4 Table B.2-1',
  },
  outOfResources: {
    code: 0xa700,
    meaning: 'Refused: Out of resources',
    when: 'the disk or the database cannot keep the instance now',
    clause: 'PS3.4 Table B.2-1',
  },
  dataSetMismatch: {
    code: 0xa900,
    meaning: 'Error: Data Set does not match SOP Class',
    when: 'SOP Class or SOP Instance UID of data set and command differ',
    clause: 'PS3.4 Table B.2-1',
  },
  cannotUnderstand: {
    code: 0xc000,
    meaning: 'Error: Cannot understand',
    when: 'the data set cannot be parsed, a UID is missing or malformed, the SOP Class is not the context’s, the Series Instance UID is on record in another study, anything else',
    clause: 'PS3.4 Table B.2-1',
  },
  unrecognizedOperation: {
    ...GENERAL_STATUS.unrecognizedOperation,
    when: 'any request that the SOP class of its context does not have',
  },
  noSuchSopInstance: {
    ...GENERAL_STATUS.noSuchSopInstance,
    when: 'storage commitment with another instance than the well-known one',
  },
  noSuchEventType: {
    ...GENERAL_STATUS.noSuchEventType,
    when: 'N-EVENT-REPORT of storage commitment with a type other than 1 and 2',
  },
  invalidArgument: {
    ...GENERAL_STATUS.invalidArgumentValue,
    when: 'N-ACTION: no or malformed UIDs, or the transaction UID is in use for other instances; N-EVENT-REPORT: not a transaction of ours',
  },
  noSuchSopClass: {
    ...GENERAL_STATUS.noSuchSopClass,
    when: 'the SOP class of an N- command is not the one of its context',
  },
  noSuchActionType: {
    ...GENERAL_STATUS.noSuchActionType,
    when: 'N-ACTION of storage commitment with a type other than 1',
  },
  processingFailure: {
    ...GENERAL_STATUS.processingFailure,
    when: 'N-ACTION, N-EVENT-REPORT: anything else',
  },
  resourceLimitation: {
    ...GENERAL_STATUS.resourceLimitation,
    when: 'N-ACTION, N-EVENT-REPORT: the database cannot keep it now',
  },
} as const satisfies Record<string, DimseStatus>;

/** C-STORE: what went wrong decides the answer; all else is "cannot understand". */
const STATUS_OF_ERROR: Partial<Record<ErrorCode, DimseStatus>> = {
  RAUNET_SPOOL_WRITE: STATUS.outOfResources,
  RAUNET_SPOOL_READ: STATUS.outOfResources,
  RAUNET_FOLDER_FOREIGN: STATUS.outOfResources,
  RAUNET_DATABASE: STATUS.outOfResources,
  RAUNET_DATA_SET_MISMATCH: STATUS.dataSetMismatch,
};

export const statusOf = (code: ErrorCode): DimseStatus => STATUS_OF_ERROR[code] ?? STATUS.cannotUnderstand;

/** The row of a status that is decided elsewhere. */
export const statusWithCode = (code: number): DimseStatus =>
  Object.values(STATUS).find((status) => status.code === code) ?? STATUS.processingFailure;

/** A-ABORT by us: PS3.8 Table 9-26, source 2 (service provider) unless said. */
export const ABORT = {
  notSpecified: { source: 2, reason: 0 },
  unrecognizedPdu: { source: 2, reason: 1 },
  unexpectedPdu: { source: 2, reason: 2 },
  invalidParameter: { source: 2, reason: 6 },
  /** PS3.8 Table 9-10, AA-1: before an association, as service user. */
  byUser: { source: 0, reason: 0 },
} as const;

export type Abort = (typeof ABORT)[keyof typeof ABORT];
