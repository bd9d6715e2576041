import type { Socket } from 'node:net';
import { association as dimse, Implementation, log as dimseLog, Scp } from 'dcmjs-dimse';
import { IMPLEMENTATION } from '../dicom/uids';
import type { AssociateRequest } from './associate-request';
import type { NegotiatedContext } from './presentation-contexts';
import type { Rejection } from './rejections';
import type { Abort } from './statuses';

// It writes to the console by itself; all that matters reaches our log.
dimseLog.disableAll(false);
Implementation.setImplementationClassUid(IMPLEMENTATION.classUid);
Implementation.setImplementationVersion(IMPLEMENTATION.versionName);
// It announces the smaller one of this and the association's; the association's is to count, so this is the schema's most.
Implementation.setMaxPduLength(1024 * 1024);

/**
 * What we say on one connection: dcmjs-dimse 0.3.3 encodes the association PDUs. Its reading of the socket and its PDV
 * state machine have the faults listed in test/contract/association-known-faults.test.ts: Connection, PduStream and
 * readMessage stand in their place; its coding of a command takes 2 MiB of buffers: command.ts does it. This rests on
 * two members that are not in its types, hence the exact pin.
 */
export class AssociationScp extends Scp {
  declare private association: dimse.Association;

  constructor(private readonly connection: Socket) {
    super(connection);
    this.association = new dimse.Association('', ''); // sendAbort does nothing without one
    this.on('networkError', (error) => connection.destroy(error as Error));
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

  /** One PDV in one P-DATA-TF (PS3.8 9.3.5); no peer agrees on PDUs shorter than a command set. */
  respond(contextId: number, commandSet: Buffer): void {
    const head = Buffer.alloc(12);
    head.writeUInt8(0x04, 0);
    head.writeUInt32BE(commandSet.length + 6, 2);
    head.writeUInt32BE(commandSet.length + 2, 6);
    head.writeUInt8(contextId, 10);
    head.writeUInt8(0x03, 11); // command, last fragment
    this.connection.write(Buffer.concat([head, commandSet]));
  }
}
