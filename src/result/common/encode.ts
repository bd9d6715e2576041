import { TRANSFER_SYNTAX } from '../../dicom/uids';
import { type PlainDataSet, writePart10 } from '../../dicom/write';
import type { EncodedObject } from '../types';
import type { OutputUids } from './uids';

/** A data set as a result object: its file with what spool and delivery must know of it. */
export function encodeObject(
  kind: EncodedObject['kind'],
  sopClassUid: string,
  uids: OutputUids,
  dataset: PlainDataSet,
  transferSyntaxUid: string = TRANSFER_SYNTAX.explicitLittleEndian,
): EncodedObject {
  const { sopInstanceUid } = uids;
  const bytes = writePart10({ sopClassUid, sopInstanceUid, transferSyntaxUid, dataset });
  return { kind, sopClassUid, ...uids, transferSyntaxUid, bytes };
}
