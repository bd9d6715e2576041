import type { Socket } from 'node:net';
import { RaunetError, toRaunetError } from '../lib/errors';
import { type AssociateRequest, decodeAssociateRequest } from './associate-request';
import { AssociationBroken, ConnectionLost, Stalled } from './broken';
import { ByteReader } from './byte-reader';
import { Connection } from './connection';
import { quietly } from './hooks';
import { Notices } from './notices';
import { PduStream } from './pdu-stream';
import { negotiate } from './presentation-contexts';
import { REJECTION, type Rejection } from './rejections';
import { AssociationScp } from './scp';
import { ABORT } from './statuses';
import { type Transfer, type TransferDeps, transferData } from './transfer';
import type { Peer } from './types';

export interface AssociationDeps extends TransferDeps {
  policy: (request: AssociateRequest, address: string) => Rejection | null;
  /** Takes one of the places for associations; the result gives it back. Null: all are taken. */
  takePlace(): (() => void) | null;
}

/** How long a peer may take to close when the service stops. */
const STOP_SECONDS = 1;

/** What one connection is served with. */
type Line = Pick<Transfer, 'pdus' | 'connection' | 'scp'>;

/** One connection from its first byte to its last. Never rejects; when it resolves the socket is gone. */
export async function serveConnection(socket: Socket, address: string, deps: AssociationDeps): Promise<void> {
  const connection = new Connection(socket, deps.config);
  const scp = new AssociationScp(socket);
  const pdus = new PduStream(new ByteReader(() => connection.nextChunk()), deps.config.maxPduLength);
  try {
    const body = await pdus.associateRequest();
    // Gone before it asked: a port scan, a health check.
    if (typeof body === 'string') connection.drop();
    else await serveRequest(decodeAssociateRequest(body), address, { pdus, connection, scp }, deps);
  } catch (thrown) {
    breakOff(thrown, scp, address, deps);
    if (thrown instanceof Stalled || thrown instanceof ConnectionLost) connection.drop();
  }
  await connection.end(deps.closing.aborted ? STOP_SECONDS : deps.config.artimSeconds);
}

/** PS3.8 9.2.3, AE-6 to AE-8. */
async function serveRequest(
  request: AssociateRequest,
  address: string,
  line: Line,
  deps: AssociationDeps,
): Promise<void> {
  const { callingAe, calledAe, contexts: proposed, implementationVersion } = request;
  const peer: Peer = { callingAe, calledAe, address };
  const place =
    deps.policy(request, address) ?? admission(deps) ?? deps.takePlace() ?? REJECTION.localLimitExceeded;
  if (typeof place !== 'function') {
    line.scp.reject(place);
    deps.log.warn(`association rejected: ${place.name}`, { stage: 'association', ...peer });
    quietly(deps.log, () => deps.metrics?.rejected(place.name));
    quietly(deps.log, () => deps.refused?.({ reason: place.name, ...peer }));
    return;
  }
  const contexts = negotiate(proposed, deps.sopClasses, request.roles);
  line.scp.accept(request, contexts, deps.config.maxPduLength);
  line.connection.enter('Sta6');
  const accepted = contexts.filter(({ sopClass }) => sopClass !== null).length;
  deps.log.info('association accepted', {
    stage: 'association',
    ...peer,
    contexts: `${accepted} of ${contexts.length}`,
    implementationVersion,
  });
  await serveAssociation({ ...line, peer, contexts: new Map(contexts.map((c) => [c.id, c])) }, place, deps);
}

/** A service that cannot say whether it may accept does not. */
function admission({ admit, closing, log }: AssociationDeps): Rejection | null {
  if (closing.aborted) return REJECTION.temporaryCongestion;
  try {
    return admit();
  } catch (error) {
    log.error('admission failed', { stage: 'association', error });
    return REJECTION.temporaryCongestion;
  }
}

async function serveAssociation(
  association: Omit<Transfer, 'tally' | 'notices'>,
  leave: () => void,
  deps: AssociationDeps,
): Promise<void> {
  const { peer, scp } = association;
  const tally = { stored: 0, failed: 0, seriesUids: new Set<string>(), studies: new Map() };
  const notices = new Notices(scp, deps.config.idleSeconds);
  let clean = false;
  try {
    const ending = await transferData({ ...association, tally, notices }, deps);
    if (ending === 'closed') throw new ConnectionLost('closed without A-RELEASE');
    clean = ending === 'released';
    if (clean) scp.sendAssociationReleaseResponse();
    else association.connection.drop(); // AA-3
  } finally {
    notices.end();
    for (const [key, reporter] of deps.reporters)
      if (reporter.notices === notices) deps.reporters.delete(key);
    leave();
    const { stored, failed, seriesUids, studies } = tally;
    const failure = failed > 0 ? `${failed} instances were refused` : clean ? null : 'the association broke';
    for (const study of studies.values()) quietly(deps.log, () => deps.transferred?.(peer, study, failure));
    deps.log.info('association ended', { stage: 'association', ...peer, clean, stored, failed });
    quietly(deps.log, () => deps.associationEnded({ ...peer, seriesUids: [...seriesUids], clean }));
  }
}

/** Says why to the peer, if it can still be told, and to the log. */
function breakOff(
  thrown: unknown,
  scp: AssociationScp,
  address: string,
  { log, metrics }: AssociationDeps,
): void {
  const broken = thrown instanceof AssociationBroken ? thrown : null;
  const abort = broken === null ? ABORT.notSpecified : broken.abort;
  if (abort !== null) scp.cutOff(abort);
  if (broken !== null && broken.code === null) return;
  const error =
    broken?.code != null
      ? new RaunetError(broken.code, { stage: 'association', detail: broken.message })
      : toRaunetError(thrown, { stage: 'association' });
  log.warn('association broken', { stage: 'association', address, error });
  quietly(log, () => metrics?.failed(error.code));
}
