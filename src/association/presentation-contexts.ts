import { STORAGE_COMMITMENT } from '../dicom/commitment';
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
  service: 'C-ECHO' | 'C-STORE' | 'N-ACTION';
  transferSyntaxes: readonly string[];
}

/** What we are SCP of, and in which encodings: the only place. The conformance statement is made from it. */
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
  {
    name: 'Storage Commitment Push Model',
    uid: STORAGE_COMMITMENT.sopClassUid,
    service: 'N-ACTION',
    transferSyntaxes: [T.implicitLittleEndian, T.explicitLittleEndian],
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

/** Of the one who asks for the association. */
export interface Roles {
  scu: boolean;
  scp: boolean;
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
  /** As asked for and granted; null: the default, the sender is SCU. */
  roles: Roles | null;
}

/**
 * Of each context the sender's first transfer syntax that we know; it never has to transcode for us. Of storage
 * commitment we are SCP, and SCU where the sender brings the report on what we asked: each role it asks for is granted.
 */
export function negotiate(
  proposed: readonly ProposedContext[],
  accepted: readonly AcceptedSopClass[] = ACCEPTED_SOP_CLASSES,
  wanted: ReadonlyMap<string, Roles> = new Map(),
): NegotiatedContext[] {
  return proposed.map(({ id, abstractSyntax, transferSyntaxes }) => {
    const [first = T.implicitLittleEndian] = transferSyntaxes;
    const roles = null;
    const sopClass = accepted.find(({ uid }) => uid === abstractSyntax);
    if (sopClass === undefined) {
      const result = CONTEXT_RESULT.abstractSyntaxNotSupported;
      return { id, abstractSyntax, result, transferSyntax: first, sopClass: null, roles };
    }
    const known = transferSyntaxes.find((uid) => sopClass.transferSyntaxes.includes(uid));
    if (known === undefined) {
      const result = CONTEXT_RESULT.transferSyntaxesNotSupported;
      return { id, abstractSyntax, result, transferSyntax: first, sopClass: null, roles };
    }
    return {
      id,
      abstractSyntax,
      result: CONTEXT_RESULT.acceptance,
      transferSyntax: known,
      sopClass,
      roles: sopClass.service === 'N-ACTION' ? (wanted.get(abstractSyntax) ?? null) : null,
    };
  });
}
