import { mkdir } from 'node:fs/promises';
import { type Listener, type Receipt } from '../association/types';
import { startListener } from '../association/listener';
import { configSchema } from '../config/schema';
import { SOP_CLASS, TRANSFER_SYNTAX } from '../dicom/uids';
import type { Log } from '../lib/log';
import { openSpool } from '../spool/spool';

export interface Received {
  sopClassUid: string;
  sopInstanceUid: string;
  file: string;
}

const RESULT_CLASSES = [
  ['Segmentation Storage', SOP_CLASS.segmentation],
  ['Comprehensive SR Storage', SOP_CLASS.comprehensiveSr],
  ['Secondary Capture Image Storage', SOP_CLASS.secondaryCapture],
] as const;

/** A small SCP in the PACS's place: takes result objects and keeps them in a folder. */
export async function startReceiver(folder: string, log: Log): Promise<{ listener: Listener; received: Received[] }> {
  await mkdir(folder, { recursive: true });
  const spool = await openSpool({ dataDir: folder, log });
  const received: Received[] = [];
  const listener = await startListener({
    config: configSchema.parse({ association: { aeTitle: 'DEMO', port: 0 } }).association,
    sopClasses: RESULT_CLASSES.map(([name, uid]) => ({
      name,
      uid,
      service: 'C-STORE' as const,
      transferSyntaxes: [TRANSFER_SYNTAX.explicitLittleEndian],
    })),
    spool,
    log,
    store: ({ sopClassUid, sopInstanceUid, file }: Receipt) => {
      received.push({ sopClassUid, sopInstanceUid, file: spool.path(file) });
      return Promise.resolve();
    },
    admit: () => null,
    associationEnded: () => {},
  });
  return { listener, received };
}
