import type { Socket } from 'node:net';
import { association as dimse, Implementation, log as dimseLog, Scp } from 'dcmjs-dimse';
import { pDataHeader } from '../dicom/p-data';
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

/** What we send at once at most; even, as fragments have to be (PS3.8 E.1). */
const PDV_BYTES = 64 * 1024;

/**
 * What we say on one connection: dcmjs-dimse 0.3.3 encodes the association PDUs. Its reading of the socket and its PDV
 * state machine have the faults listed in test/contract/association-known-faults.test.ts: Connection, PduStream and
 * readMessage stand in their place; its coding of a command takes 2 MiB of buffers: dicom/command-set.ts does it. This rests on
 * two members that are not in its types, hence the exact pin.
 */
export class AssociationScp extends Scp {
  declare private association: dimse.Association;
  /** Bytes of a PDV that the peer takes: its PDU without the head of a PDV (PS3.8 D.1). */
  private pdvLimit = PDV_BYTES;

  constructor(private readonly connection: Socket) {
    super(connection);
    this.association = new dimse.Association('', ''); // sendAbort does nothing without one
    this.on('networkError', (error) => connection.destroy(error as Error));
  }

  /** Called by the base class' constructor: nothing is listened to, no timer is set. */
  _wrapSocket(): void {}

  /** PS3.8 9.3.3. Without asynchronous operations window and user identity: the defaults hold. */
  accept(request: AssociateRequest, contexts: readonly NegotiatedContext[], maxPduLength: number): void {
    this.association = new dimse.Association(request.callingAe, request.calledAe);
    // Pushed, not added: addPresentationContext renumbers what does not come in ascending order.
    const answered = new Set<string>();
    for (const { id, abstractSyntax, result, transferSyntax, roles } of contexts) {
      const context = new dimse.PresentationContext(id, abstractSyntax);
      context.setResult(result, transferSyntax);
      // Answered once for a SOP class, however many contexts it has (PS3.7 D.3.3.4).
      if (roles !== null && !answered.has(abstractSyntax)) {
        answered.add(abstractSyntax);
        context.setUserRole(roles.scu);
        context.setProviderRole(roles.scp);
      }
      this.association.getPresentationContexts().push({ id, context });
    }
    this.association.setMaxPduLength(maxPduLength);
    this.association.setNegotiateAsyncOps(false);
    if (request.maxPduLength > 0)
      this.pdvLimit = Math.max(2, Math.min(PDV_BYTES, (request.maxPduLength - 6) & ~1));
    this.sendAssociationAccept();
  }

  reject({ result, source, reason }: Rejection): void {
    this.sendAssociationReject(result, source, reason);
  }

  cutOff({ source, reason }: Abort): void {
    this.sendAbort(source, reason);
  }

  /** One PDV in each P-DATA-TF (PS3.8 9.3.5), written at once, so that no other message comes between. */
  say(contextId: number, bytes: Buffer, kind: 'command' | 'data set'): void {
    const parts: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += this.pdvLimit) {
      const value = bytes.subarray(at, at + this.pdvLimit);
      const last = at + this.pdvLimit >= bytes.length;
      parts.push(pDataHeader({ contextId, command: kind === 'command', last, length: value.length }), value);
    }
    this.connection.write(Buffer.concat(parts));
  }
}
