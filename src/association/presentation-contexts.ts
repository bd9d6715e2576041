import { SOP_CLASS, TRANSFER_SYNTAX } from '../dicom/uids';

const T = TRANSFER_SYNTAX;

/** PS3.5 Annex A: what spool and volume can read. */
const IMAGE_TRANSFER_SYNTAXES: readonly string[] = [
  T.implicitLittleEndian,
  T.explicitLittleEndian,
  T.explicitBigEndian,
  T.deflatedExplicitLittleEndian,
  T.rle,
  T.jpegBaseline,
  T.jpegExtended,
  T.jpegLossless,
  T.jpegLosslessFirstOrder,
  T.jpegLsLossless,
  T.jpegLsNearLossless,
  T.jpeg2000Lossless,
  T.jpeg2000,
  T.htj2kLossless,
  T.htj2kLosslessRpcl,
  T.htj2k,
];

export const VERIFICATION = '1.2.840.10008.1.1';

export interface AcceptedSopClass {
  name: string;
  uid: string;
  service: 'C-ECHO' | 'C-STORE';
  transferSyntaxes: readonly string[];
}

/**
 * What we are SCP of, and in which encodings: the only place. The conformance statement is made from it.
 * Storage Commitment Push Model joins it together with its N-ACTION.
 */
export const ACCEPTED_SOP_CLASSES: readonly AcceptedSopClass[] = [
  {
    name: 'Verification',
    uid: VERIFICATION,
    service: 'C-ECHO',
    transferSyntaxes: [T.implicitLittleEndian, T.explicitLittleEndian, T.explicitBigEndian],
  },
  {
    name: 'CT Image Storage',
    uid: SOP_CLASS.ct,
    service: 'C-STORE',
    transferSyntaxes: IMAGE_TRANSFER_SYNTAXES,
  },
  {
    name: 'Enhanced CT Image Storage',
    uid: SOP_CLASS.enhancedCt,
    service: 'C-STORE',
    transferSyntaxes: IMAGE_TRANSFER_SYNTAXES,
  },
  {
    name: 'Legacy Converted Enhanced CT Image Storage',
    uid: SOP_CLASS.legacyConvertedEnhancedCt,
    service: 'C-STORE',
    transferSyntaxes: IMAGE_TRANSFER_SYNTAXES,
  },
];

/** Item of an A-ASSOCIATE-RQ: PS3.8 9.3.2.2. */
export interface ProposedContext {
  /** Odd, 1..255. */
  id: number;
  abstractSyntax: string;
  /** In the order of the sender. */
  transferSyntaxes: readonly string[];
}

/** PS3.8 Table 9-18, result field. */
export const CONTEXT_RESULT = {
  acceptance: 0,
  abstractSyntaxNotSupported: 3,
  transferSyntaxesNotSupported: 4,
};

export interface NegotiatedContext {
  id: number;
  abstractSyntax: string;
  result: number;
  /** The accepted one; of a rejected context the first proposed, which is not significant (PS3.8 9.3.3.2). */
  transferSyntax: string;
  /** Null: rejected. */
  sopClass: AcceptedSopClass | null;
}

/** Of each context the sender's first transfer syntax that we know; it never has to transcode for us. */
export function negotiate(
  proposed: readonly ProposedContext[],
  accepted: readonly AcceptedSopClass[] = ACCEPTED_SOP_CLASSES,
): NegotiatedContext[] {
  return proposed.map(({ id, abstractSyntax, transferSyntaxes }) => {
    const [first = T.implicitLittleEndian] = transferSyntaxes;
    const sopClass = accepted.find(({ uid }) => uid === abstractSyntax);
    if (sopClass === undefined) {
      const result = CONTEXT_RESULT.abstractSyntaxNotSupported;
      return { id, abstractSyntax, result, transferSyntax: first, sopClass: null };
    }
    const known = transferSyntaxes.find((uid) => sopClass.transferSyntaxes.includes(uid));
    if (known === undefined) {
      const result = CONTEXT_RESULT.transferSyntaxesNotSupported;
      return { id, abstractSyntax, result, transferSyntax: first, sopClass: null };
    }
    return { id, abstractSyntax, result: CONTEXT_RESULT.acceptance, transferSyntax: known, sopClass };
  });
}
