import { COMMAND, NO_DATA_SET } from '../dicom/command-set';
import type { DataSet } from '../dicom/data-set';
import { readDataSet } from '../dicom/read';
import { TRANSFER_SYNTAX } from '../dicom/uids';
import type { Pdv } from './pdu';

export interface DimseResponse {
  /** (0000,0900); -1 where the peer left it out. */
  status: number;
  /** Encoded data set that came with the response. */
  dataSet: Buffer | null;
}

/** PS3.4 C.4.1.1.4. */
export const isPending = (status: number): boolean => status === 0xff00 || status === 0xff01;

/** Nothing that we ask for comes near it, bytes. */
const MAX_MESSAGE = 1_048_576;
/** Each costs memory of its own, an empty one too. */
const MAX_FRAGMENTS = 10_000;

/** What a peer asks of us on an association that we opened: the report on storage commitment (PS3.4 J.3.3). */
export interface PeerRequest {
  contextId: number;
  /** (0000,0100). */
  field: number;
  messageId: number;
  sopClassUid: string;
  sopInstanceUid: string;
  dataSet: Buffer | null;
}

export type PeerMessage =
  | ({ kind: 'request' } & PeerRequest)
  | ({ kind: 'response'; to: number } & DimseResponse);

/**
 * Always implicit (PS3.7 6.3.1). A value that is cut short is none: half a status is no Success. Throws where the command
 * does not tell what it is, or whether a data set follows (PS3.7 E.1).
 */
function readCommand(bytes: Buffer): DataSet {
  try {
    const command = readDataSet(bytes, TRANSFER_SYNTAX.implicitLittleEndian);
    for (const keyword of ['CommandField', 'CommandDataSetType'])
      if (command.number(keyword) === null) throw new Error(`it has no ${keyword}`);
    return command;
  } catch (cause) {
    throw new Error('the peer sent a command that cannot be read', { cause });
  }
}

/** The next message, PS3.7 6.3.1. */
export async function readMessage(pdvs: AsyncGenerator<Pdv, never>): Promise<PeerMessage> {
  const { bytes, contextId } = await collect(pdvs, true);
  const command = readCommand(bytes);
  const number = (keyword: string): number => command.number(keyword) ?? -1;
  const text = (keyword: string): string => command.string(keyword) ?? '';
  const hasDataSet = number('CommandDataSetType') !== NO_DATA_SET;
  const dataSet = hasDataSet ? (await collect(pdvs, false)).bytes : null;
  const field = number('CommandField');
  if ((field & COMMAND.response) !== 0)
    return { kind: 'response', to: number('MessageIDBeingRespondedTo'), status: number('Status'), dataSet };
  return {
    kind: 'request',
    contextId,
    field,
    messageId: number('MessageID'),
    sopClassUid: text('AffectedSOPClassUID'),
    sopInstanceUid: text('AffectedSOPInstanceUID'),
    dataSet,
  };
}

/** Joins the fragments of one command or data set. */
async function collect(
  pdvs: AsyncGenerator<Pdv, never>,
  command: boolean,
): Promise<{ bytes: Buffer; contextId: number }> {
  const fragments: Buffer[] = [];
  let length = 0;
  for (;;) {
    const { value: pdv } = await pdvs.next();
    if (pdv.command !== command) throw new Error('the peer mixed command and data');
    length += pdv.value.length;
    if (length > MAX_MESSAGE) throw new Error(`the peer sent a message of more than ${MAX_MESSAGE} bytes`);
    if (fragments.push(pdv.value) > MAX_FRAGMENTS)
      throw new Error(`the peer sent a message in more than ${MAX_FRAGMENTS} fragments`);
    if (pdv.last) return { bytes: Buffer.concat(fragments, length), contextId: pdv.contextId };
  }
}
