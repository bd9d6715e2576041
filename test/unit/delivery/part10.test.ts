import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPart10 } from '../../../src/delivery/part10';
import { SOP_CLASS, TRANSFER_SYNTAX } from '../../../src/dicom/uids';
import { writePart10 } from '../../../src/dicom/write';

const uid = (n: number): string => `2.25.${'9'.repeat(30)}${n}`;
const recorded = {
  sopClassUid: SOP_CLASS.segmentation,
  sopInstanceUid: uid(1),
  transferSyntaxUid: TRANSFER_SYNTAX.explicitLittleEndian,
};

test('an object whose references fill more than 64 KiB before it names its study is opened for sending', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'raunet-part10-'));
  try {
    const instances = Array.from({ length: 2000 }, (_, k) => ({
      ReferencedSOPClassUID: SOP_CLASS.ct,
      ReferencedSOPInstanceUID: uid(k + 2),
    }));
    const bytes = writePart10({
      ...recorded,
      dataset: {
        ReferencedSeriesSequence: [{ SeriesInstanceUID: uid(0), ReferencedInstanceSequence: instances }],
        StudyInstanceUID: '2.25.1',
      },
    });
    expect(bytes.indexOf(Buffer.from([0x20, 0x00, 0x0d, 0x00]))).toBeGreaterThan(65_536);
    const file = join(folder, 'seg.dcm');
    await writeFile(file, bytes);
    const open = await openPart10({ ...recorded, file });
    expect(open.dataSet.length).toBeGreaterThan(bytes.length - 1024);
    await open.close();
    await expect(openPart10({ ...recorded, sopInstanceUid: uid(2), file })).rejects.toThrow('does not hold');
  } finally {
    await rm(folder, { recursive: true });
  }
});
