import type { ErrorCode } from '../lib/error-codes';
import { ABORT, type Abort } from './statuses';

/** An association ends otherwise than by A-RELEASE or A-ABORT of the peer. */
export abstract class AssociationBroken extends Error {
  /** What the peer is told; null: it cannot be told any more. */
  abstract readonly abort: Abort | null;
  /** Null: no fault. */
  abstract readonly code: ErrorCode | null;
}

/** The connection ended inside a PDU or a message, or without A-RELEASE. */
export class ConnectionLost extends AssociationBroken {
  readonly abort = null;
  readonly code = 'RAUNET_TRANSFER_BROKEN';
}

/** The peer sent nothing, or took nothing, for the idle time. */
export class Stalled extends AssociationBroken {
  readonly abort = ABORT.notSpecified;
  readonly code = 'RAUNET_TRANSFER_BROKEN';
}

/** The peer broke PS3.8 or PS3.7. */
export class ProtocolError extends AssociationBroken {
  readonly code = 'RAUNET_DICOM_PROTOCOL';
  constructor(
    message: string,
    readonly abort: Abort = ABORT.invalidParameter,
  ) {
    super(message);
  }
}

/** We stop: the association is aborted between two messages, and the sender sends the rest later. */
export class ServiceStops extends AssociationBroken {
  readonly abort = ABORT.notSpecified;
  readonly code = null;
}
