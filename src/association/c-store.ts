import { readIdentity } from '../dicom/identity';
import { RaunetError } from '../lib/errors';
import { isUid } from '../lib/uid';
import type { Command } from './command';
import type { Message } from './messages';
import type { NegotiatedContext } from './presentation-contexts';
import type { IncomingFile, InstanceSpool, Peer, Receipt } from './types';

interface StoreDeps {
  spool: InstanceSpool;
  store(receipt: Receipt): Promise<void>;
}

/**
 * Most headers reach SeriesInstanceUID in the first kilobytes; some carry long sequences or private elements before.
 * Beyond the last size a data set counts as unreadable.
 */
const HEAD_SIZES = [4 * 1024, 64 * 1024, 2 * 1024 * 1024];

/**
 * Receives one instance (PS3.4 B.2.3): data set to the disk as it comes, identity checked, file durable, record
 * durable. When this resolves, Success may be sent. Throws a RaunetError whose code decides the status, or what the
 * connection throws; then no `.part` is left. A file that was durable before `store` failed stays: whether the record
 * was made may be unknown, and the sender's next attempt finds the same bytes.
 */
export async function receiveInstance(
  message: Message,
  context: NegotiatedContext,
  peer: Peer,
  deps: StoreDeps,
): Promise<Receipt> {
  const { sopClassUid, sopInstanceUid } = storable(message.command, context);
  const { callingAe, calledAe } = peer;
  const meta = {
    sopClassUid,
    sopInstanceUid,
    transferSyntaxUid: context.transferSyntax,
    callingAe,
    calledAe,
  };
  const file = deps.spool.receive(meta);
  try {
    for (let bytes = await message.nextBytes(); bytes !== null; bytes = await message.nextBytes())
      await file.write(bytes);
    const { studyUid, seriesUid, modality } = await identify(file, meta);
    const stored = await file.keep({ studyUid, seriesUid });
    const receipt: Receipt = {
      ...stored,
      modality,
      callingAe,
      calledAe,
      callingAddress: peer.address,
    };
    void file.close(); // while the record is made
    await recorded(deps.store(receipt), receipt);
    return receipt;
  } finally {
    await file.close();
  }
}

function storable(command: Command, context: NegotiatedContext) {
  const { sopClassUid, sopInstanceUid, hasDataSet } = command;
  if (sopInstanceUid === null || !isUid(sopInstanceUid))
    throw unreadable('the SOP Instance UID of the command is missing or malformed');
  if (sopClassUid !== context.abstractSyntax)
    throw unreadable(
      'the SOP Class of the command is not the one of its presentation context',
      sopInstanceUid,
    );
  if (!hasDataSet) throw unreadable('no data set', sopInstanceUid);
  return { sopClassUid, sopInstanceUid };
}

/** Study and series of the data set, which must be the instance that the command names. */
async function identify(file: IncomingFile, command: { sopClassUid: string; sopInstanceUid: string }) {
  const { sopInstanceUid } = command;
  const identity = await readHead(file);
  if (identity === null) throw unreadable('the data set cannot be parsed up to its series', sopInstanceUid);
  if (identity.sopClassUid === null || identity.sopInstanceUid === null)
    throw unreadable('SOP Class or SOP Instance UID is missing', sopInstanceUid);
  if (identity.sopClassUid !== command.sopClassUid || identity.sopInstanceUid !== sopInstanceUid)
    throw new RaunetError('RAUNET_DATA_SET_MISMATCH', { stage: 'association', sopInstanceUid });
  const { studyUid, seriesUid, modality } = identity;
  if (studyUid === null || seriesUid === null || !isUid(studyUid) || !isUid(seriesUid))
    throw unreadable('Study or Series Instance UID is missing or malformed', sopInstanceUid);
  return { studyUid, seriesUid, modality };
}

async function readHead(file: IncomingFile) {
  for (const size of HEAD_SIZES) {
    const head = await file.head(size);
    const identity = readIdentity(head);
    if (identity !== null || head.length < size) return identity;
  }
  return null;
}

/** What keeps the record from being made for now, whatever it is, lets the sender try again; what is permanent does not. */
async function recorded(
  work: Promise<void>,
  { studyUid, seriesUid, sopInstanceUid }: Receipt,
): Promise<void> {
  try {
    await work;
  } catch (cause) {
    if (cause instanceof RaunetError && (cause.code === 'RAUNET_DATABASE' || cause.class === 'permanent'))
      throw cause;
    throw new RaunetError(
      'RAUNET_DATABASE',
      { stage: 'association', studyUid, seriesUid, sopInstanceUid },
      { cause },
    );
  }
}

const unreadable = (detail: string, sopInstanceUid?: string): RaunetError =>
  new RaunetError('RAUNET_DATA_SET_UNREADABLE', {
    stage: 'association',
    detail,
    ...(sopInstanceUid === undefined ? {} : { sopInstanceUid }),
  });
