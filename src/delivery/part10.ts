import { open } from 'node:fs/promises';
import { readMeta } from '../dicom/meta';
import type { DataSetBytes } from './association';
import type { Deliverable } from './types';

/** A Part 10 file that is open for sending. */
export interface OpenFile {
  /** Everything behind the file meta information, as it stands in the file. */
  dataSet: DataSetBytes;
  close(): Promise<void>;
}

/** File meta information lies in it; the data set may list thousands of references before it names its study. */
const HEAD_BYTES = 4096;

/** Throws what the file system throws, and an Error where the file is not the object that was recorded. */
export async function openPart10(recorded: Deliverable): Promise<OpenFile> {
  const handle = await open(recorded.file, 'r');
  try {
    const { size } = await handle.stat();
    const head = Buffer.alloc(Math.min(size, HEAD_BYTES));
    await handle.read(head, 0, head.length, 0);
    const { transferSyntaxUid, sopInstanceUid, end } = readMeta(head);
    if (transferSyntaxUid !== recorded.transferSyntaxUid || sopInstanceUid !== recorded.sopInstanceUid)
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
