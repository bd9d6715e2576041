import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readDicomFolder } from '../../../src/cli/dicom-folder';
import { ctFile } from '../../fixtures/ct';

test('a series whose UID is none is left out: it would be the name of a folder, anywhere', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'raunet-dicom-folder-'));
  try {
    const uids = ['1.2.3.4', '../../../../tmp/evil', '..', '/tmp/evil'];
    uids.forEach((SeriesInstanceUID, n) =>
      writeFileSync(join(folder, `${n}.dcm`), ctFile({ SeriesInstanceUID })),
    );
    const { series, leftOut } = await readDicomFolder(folder);
    expect([...series.keys()]).toEqual(['1.2.3.4']);
    expect(leftOut).toEqual([1, 2, 3].map((n) => join(folder, `${n}.dcm`)));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
