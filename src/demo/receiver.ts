import { mkdir } from 'node:fs/promises';
import { type Listener, type Receipt } from '../association/types';
import { startListener } from '../association/listener';
import { ACCEPTED_SOP_CLASSES } from '../association/presentation-contexts';
import { configSchema } from '../config/schema';
import { SOP_CLASS, TRANSFER_SYNTAX } from '../dicom/uids';
import type { Log } from '../lib/log';
import { openSpool } from '../spool/spool';

export interface Received {
  kind: 'SEG' | 'SR' | 'SC';
  sopInstanceUid: string;
  file: string;
}

const RESULT_CLASSES = [
  { kind: 'SEG', name: 'Segmentation Storage', uid: SOP_CLASS.segmentation },
  { kind: 'SR', name: 'Comprehensive SR Storage', uid: SOP_CLASS.comprehensiveSr },
  { kind: 'SC', name: 'Secondary Capture Image Storage', uid: SOP_CLASS.secondaryCapture },
] as const;

/** A small SCP in the PACS's place: takes result objects and keeps them in a folder. */
export async function startReceiver(
  folder: string,
  log: Log,
): Promise<{ listener: Listener; received: Received[] }> {
  await mkdir(folder, { recursive: true });
  const spool = await openSpool({ dataDir: folder, log });
  const received: Received[] = [];
  const listener = await startListener({
    config: configSchema.parse({ association: { aeTitle: 'DEMO', port: 0 } }).association,
    sopClasses: [
      ...ACCEPTED_SOP_CLASSES.filter(({ service }) => service === 'C-ECHO'),
      ...RESULT_CLASSES.map(({ name, uid }) => ({
        name,
        uid,
        service: 'C-STORE' as const,
        transferSyntaxes: [TRANSFER_SYNTAX.explicitLittleEndian],
      })),
    ],
    spool,
    log,
    store: ({ sopClassUid, sopInstanceUid, file }: Receipt) => {
      const { kind } = RESULT_CLASSES.find(({ uid }) => uid === sopClassUid)!;
      received.push({ kind, sopInstanceUid, file: spool.path(file) });
      return Promise.resolve();
    },
    admit: () => null,
    associationEnded: () => {},
  });
  return { listener, received };
}
