import { ConnectionLost, ProtocolError } from './broken';
import { type Command, decodeCommand } from './command';
import type { Ending, Fragment, PduStream } from './pdu-stream';

/** A DIMSE message: PS3.7 6.3. */
export interface Message {
  contextId: number;
  command: Command;
  /** The next bytes of the data set; null at its end, and where there is none. To be read to the end before the next message. */
  nextBytes(): Promise<Buffer | null>;
}

/** Command sets are a few hundred bytes. */
const COMMAND_LIMIT = 64 * 1024;

/** The next message, or how the association ended. Messages may come in one burst; they are handed out one by one. */
export async function readMessage(pdus: PduStream): Promise<Message | Ending> {
  const first = await pdus.next();
  if (typeof first === 'string') return first;
  const { contextId } = first;
  const parts: Buffer[] = [];
  let length = 0;
  for (let fragment = first; ; fragment = await nextOf(pdus, contextId)) {
    if (!fragment.isCommand) throw new ProtocolError('a data set without a command');
    length += fragment.bytes.length;
    if (length > COMMAND_LIMIT) throw new ProtocolError('a command set of more than 64 KiB');
    parts.push(fragment.bytes);
    if (fragment.isLast) break;
  }
  const command = decodeCommand(Buffer.concat(parts, length));
  let ended = !command.hasDataSet;
  const nextBytes = async () => {
    if (ended) return null;
    const fragment = await nextOf(pdus, contextId);
    if (fragment.isCommand) throw new ProtocolError('a command in the middle of a data set');
    ended = fragment.isLast;
    return fragment.bytes;
  };
  return { contextId, command, nextBytes };
}

/** Reads and drops what is left of the data set. */
export async function skipDataSet(message: Message): Promise<void> {
  while ((await message.nextBytes()) !== null);
}

/** The next fragment of the message that has begun. */
async function nextOf(pdus: PduStream, contextId: number): Promise<Fragment> {
  const fragment = await pdus.next();
  if (fragment === 'released') throw new ProtocolError('A-RELEASE-RQ in mid-message');
  if (typeof fragment === 'string') throw new ConnectionLost(`association ${fragment} in mid-message`);
  if (fragment.contextId !== contextId)
    throw new ProtocolError('the presentation context changes in mid-message');
  return fragment;
}
