import { open } from 'node:fs/promises';
import { readIdentity } from '../dicom/identity';
import { readMeta } from '../dicom/meta';
import type { DataSetBytes } from './association';
import type { Deliverable } from './types';

/** A Part 10 file that is open for sending. */
export interface OpenFile {
  /** Everything behind the file meta information, as it stands in the file. */
  dataSet: DataSetBytes;
  close(): Promise<void>;
}

/** File meta information and the first elements lie in it. */
const HEAD_BYTES = 65_536;

/** Throws what the file system throws, and an Error where the file is not the object that was recorded. */
export async function openPart10(recorded: Deliverable): Promise<OpenFile> {
  const handle = await open(recorded.file, 'r');
  try {
    const { size } = await handle.stat();
    const head = Buffer.alloc(Math.min(size, HEAD_BYTES));
    await handle.read(head, 0, head.length, 0);
    const { transferSyntaxUid, end } = readMeta(head);
    if (
      transferSyntaxUid !== recorded.transferSyntaxUid ||
      readIdentity(head)?.sopInstanceUid !== recorded.sopInstanceUid
    )
      throw new Error('the file does not hold the object that was recorded');
    return {
      dataSet: {
        length: size - end,
        chunks: (highWaterMark) =>
          handle.createReadStream({ start: end, end: size - 1, highWaterMark, autoClose: false }),
      },
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}
