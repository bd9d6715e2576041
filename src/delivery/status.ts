import { GENERAL_STATUS } from '../dicom/statuses';
import type { ErrorCode } from '../lib/error-codes';

/** How a C-STORE status ends: `error` null means that the destination holds the object. */
export interface StoreStatus {
  meaning: string;
  error: ErrorCode | null;
  /** Stored, yet not as sent, or not now: goes to log and history. */
  warn: boolean;
}

type End = 'stored' | 'warning' | ErrorCode;
type Row = readonly [low: number, high: number, meaning: string, end: End];

const general = ({ code, meaning }: { code: number; meaning: string }, end: End): Row => [
  code,
  code,
  meaning,
  end,
];

/**
 * C-STORE statuses: PS3.4 Table B.2-1, PS3.7 9.1.1.1.9 and Annex C. First row that holds the status wins.
 * Transient (RAUNET_STORE_BUSY) is what the same bytes may pass later, all else waits for a person.
 */
export const STORE_STATUSES: readonly Row[] = [
  [0x0000, 0x0000, 'success', 'stored'],
  [0x0001, 0x0001, 'requested optional attributes are not supported', 'warning'], // PS3.7 Annex C: 0001 is a warning
  general(GENERAL_STATUS.attributeListError, 'warning'),
  general(GENERAL_STATUS.processingFailure, 'RAUNET_STORE_BUSY'), // PACS answer it when their database is away
  // Our UIDs are derived from the content and our bytes are kept: the duplicate is the object itself.
  general(
    { ...GENERAL_STATUS.duplicateSopInstance, meaning: 'the destination holds this instance already' },
    'warning',
  ),
  general(GENERAL_STATUS.attributeValueOutOfRange, 'warning'),
  general(GENERAL_STATUS.invalidSopInstance, 'RAUNET_STORE_REFUSED'),
  general(GENERAL_STATUS.noSuchSopClass, 'RAUNET_STORE_REFUSED'),
  general(GENERAL_STATUS.sopClassNotSupported, 'RAUNET_STORE_REFUSED'),
  general(GENERAL_STATUS.notAuthorized, 'RAUNET_STORE_REFUSED'),
  general(GENERAL_STATUS.duplicateInvocation, 'RAUNET_STORE_BUSY'),
  general(GENERAL_STATUS.unrecognizedOperation, 'RAUNET_STORE_REFUSED'),
  general(GENERAL_STATUS.mistypedArgument, 'RAUNET_STORE_REFUSED'),
  general(GENERAL_STATUS.resourceLimitation, 'RAUNET_STORE_BUSY'),
  [0xa700, 0xa7ff, 'out of resources', 'RAUNET_STORE_BUSY'], // PS3.4 B.2.3
  [0xa900, 0xa9ff, 'the data set does not match its SOP class', 'RAUNET_STORE_REFUSED'], // PS3.4 B.2.3
  [0xb000, 0xb000, 'data elements were coerced', 'warning'], // PS3.4 B.2.3
  [0xb006, 0xb006, 'data elements were discarded', 'warning'], // PS3.4 B.2.3
  [0xb007, 0xb007, 'the data set does not match its SOP class', 'warning'], // PS3.4 B.2.3
  [0xb000, 0xbfff, 'a warning of the destination', 'warning'], // PS3.7 Annex C: Bxxx is a warning
  [0xc000, 0xcfff, 'the destination cannot understand the data set', 'RAUNET_STORE_REFUSED'], // PS3.4 B.2.3
  [0x0000, 0xffff, 'a status that C-STORE does not know', 'RAUNET_STORE_REFUSED'],
];

/** PS3.7 Table 9.3-2 wants one in every response. */
const NO_STATUS: Row = [-1, -1, 'an answer without a status', 'RAUNET_STORE_REFUSED'];

export function storeStatus(status: number): StoreStatus {
  const row = STORE_STATUSES.find(([low, high]) => status >= low && status <= high);
  const [, , meaning, end] = row ?? NO_STATUS;
  return {
    meaning: row ? `${hex(status)}, ${meaning}` : meaning,
    error: end === 'stored' || end === 'warning' ? null : end,
    warn: end === 'warning',
  };
}

export const hex = (status: number): string => `0x${status.toString(16).toUpperCase().padStart(4, '0')}`;

export interface Rejection {
  result: number;
  source: number;
  reason: number;
}

/** Who says what, PS3.8 Table 9-21. A reason that names its cause outweighs `result`; "no reason given" leaves it to it. */
const REJECTIONS: Readonly<Record<string, readonly [meaning: string, lasting: boolean | 'as result says']>> =
  {
    '1/1': ['no reason given', 'as result says'],
    '1/2': ['application context name not supported', true],
    '1/3': ['it does not know our AE title', true],
    '1/7': ['it does not have the AE title that we called', true],
    '2/1': ['no reason given', 'as result says'],
    '2/2': ['protocol version not supported', true],
    '3/1': ['temporary congestion', false],
    '3/2': ['local limit exceeded', false],
  };

/** Code and words for an A-ASSOCIATE-RJ. */
export function rejection({ result, source, reason }: Rejection): { code: ErrorCode; meaning: string } {
  const [meaning, lasting] = REJECTIONS[`${source}/${reason}`] ?? ['a reserved reason', 'as result says'];
  const permanent = lasting === 'as result says' ? result === 1 : lasting;
  return {
    code: permanent ? 'RAUNET_ASSOCIATION_REJECTED' : 'RAUNET_ASSOCIATION_BUSY',
    meaning: `${meaning}; result ${result}, source ${source}, reason ${reason}`,
  };
}
