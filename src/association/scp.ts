import type { Socket } from 'node:net';
import { association as dimse, Implementation, log as dimseLog, responses, Scp } from 'dcmjs-dimse';
import { IMPLEMENTATION } from '../dicom/uids';
import { isUid } from '../lib/uid';
import type { AssociateRequest } from './associate-request';
import { COMMAND, type Command } from './command';
import type { NegotiatedContext } from './presentation-contexts';
import type { Rejection } from './rejections';
import type { Abort, DimseStatus } from './statuses';

// It writes to the console by itself; all that matters reaches our log.
dimseLog.disableAll(false);
Implementation.setImplementationClassUid(IMPLEMENTATION.classUid);
Implementation.setImplementationVersion(IMPLEMENTATION.versionName);
// It announces the smaller one of this and the association's; the association's is to count, so this is the schema's most.
Implementation.setMaxPduLength(1024 * 1024);

/** VR LO of (0000,0902). */
const COMMENT_LIMIT = 64;

/**
 * What we say on one connection: dcmjs-dimse 0.3.3 encodes associations and responses. Its reading of the socket and
 * its PDV state machine have the faults listed in test/contract/association-known-faults.test.ts: PduStream and
 * readMessage stand in their place. This rests on members that are not in its types, hence the exact pin.
 */
export class AssociationScp extends Scp {
  declare private association: dimse.Association;
  declare private _sendDimse: (dimse: {
    context: dimse.PresentationContext;
    command: InstanceType<typeof responses.Response>;
  }) => void;

  constructor(socket: Socket) {
    super(socket);
    this.association = new dimse.Association('', ''); // sendAbort does nothing without one
    this.on('networkError', (error) => socket.destroy(error as Error));
  }

  /** Called by the base class' constructor: nothing is listened to, no timer is set. */
  _wrapSocket(): void {}

  /** PS3.8 9.3.3. Without asynchronous operations window, role selection and user identity: the defaults hold. */
  accept(request: AssociateRequest, contexts: readonly NegotiatedContext[], maxPduLength: number): void {
    this.association = new dimse.Association(request.callingAe, request.calledAe);
    // Pushed, not added: addPresentationContext renumbers what does not come in ascending order.
    for (const { id, abstractSyntax, result, transferSyntax } of contexts) {
      const context = new dimse.PresentationContext(id, abstractSyntax);
      context.setResult(result, transferSyntax);
      this.association.getPresentationContexts().push({ id, context });
    }
    this.association.setMaxPduLength(maxPduLength);
    this.association.setNegotiateAsyncOps(false);
    this.sendAssociationAccept();
  }

  reject({ result, source, reason }: Rejection): void {
    this.sendAssociationReject(result, source, reason);
  }

  cutOff({ source, reason }: Abort): void {
    this.sendAbort(source, reason);
  }

  /** PS3.7 9.3: on the context of the request, with its identifiers. */
  respond(contextId: number, to: Command, status: DimseStatus, comment?: string): void {
    const response = new responses.CStoreResponse(status.code, '');
    const elements = response.getCommandDataset().getElements();
    elements['CommandField'] = to.field | COMMAND.response;
    elements['ErrorComment'] = comment?.slice(0, COMMENT_LIMIT);
    elements['MessageIDBeingRespondedTo'] = to.messageId;
    elements['AffectedSOPClassUID'] = uidOrNone(to.sopClassUid);
    elements['AffectedSOPInstanceUID'] = uidOrNone(to.sopInstanceUid);
    this._sendDimse({ context: this.association.getPresentationContext(contextId), command: response });
  }
}

/** Garbage is not echoed. An element that is undefined is left out. */
const uidOrNone = (uid: string | null): string | undefined => (uid !== null && isUid(uid) ? uid : undefined);
