import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DestinationConfig } from '../../../src/config/schema';
import type { Deliverable } from '../../../src/delivery/types';
import { SOP_CLASS, TRANSFER_SYNTAX } from '../../../src/dicom/uids';
import { writePart10 } from '../../../src/dicom/write';

export const destinationAt = (port: number, more: Partial<DestinationConfig> = {}): DestinationConfig => ({
  name: 'pacs',
  aeTitle: 'PACS',
  host: '127.0.0.1',
  port,
  objects: ['SEG', 'SR', 'SC'],
  connectSeconds: 2,
  responseSeconds: 2,
  retryLimit: 3,
  retrySeconds: 1,
  retryMaxSeconds: 10,
  ...more,
});

export interface Files {
  folder: string;
  make(kind: 'segmentation' | 'comprehensiveSr' | 'secondaryCapture', options?: FileOptions): Deliverable;
  remove(): void;
}

export interface FileOptions {
  transferSyntaxUid?: string;
  pixelBytes?: number;
}

/** Part 10 files in a folder of their own, each with a sequence, odd-looking text and pixels that differ by position. */
export function filesForDelivery(): Files {
  const folder = mkdtempSync(join(tmpdir(), 'raunet-delivery-'));
  let count = 0;
  return {
    folder,
    make(kind, { transferSyntaxUid = TRANSFER_SYNTAX.explicitLittleEndian, pixelBytes = 40_002 } = {}) {
      count += 1;
      const sopInstanceUid = `2.25.77${count}`;
      const sopClassUid = SOP_CLASS[kind];
      const file = join(folder, `${sopInstanceUid}.dcm`);
      const dataset = {
        PatientName: 'Prüfung^Ülf',
        StudyInstanceUID: '2.25.1',
        SeriesInstanceUID: '2.25.2',
        Modality: 'SEG',
        SegmentSequence: [
          { SegmentNumber: 1, SegmentLabel: 'Consolidation', AnatomicRegionSequence: [{ CodeValue: '1' }] },
          { SegmentNumber: 2, SegmentLabel: 'Effusion', AnatomicRegionSequence: [] },
        ],
        PixelData: Uint8Array.from({ length: pixelBytes }, (_, at) => (at * 31 + (at >> 8)) & 0xff),
      };
      writeFileSync(file, writePart10({ sopClassUid, sopInstanceUid, transferSyntaxUid, dataset }));
      return { file, sopClassUid, sopInstanceUid, transferSyntaxUid };
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
