import fc from 'fast-check';
import { readIdentity } from '../../../src/dicom/identity';
import { readHeader } from '../../../src/dicom/read';
import { TRANSFER_SYNTAX } from '../../../src/dicom/uids';
import { encodeFileMeta } from '../../../src/spool/part10';
import { dataSet, type SyntheticInstance } from '../../fixtures/data-set';

function fileOf(instance: SyntheticInstance): Buffer {
  const { sopInstanceUid, transferSyntaxUid = TRANSFER_SYNTAX.explicitLittleEndian } = instance;
  const meta = {
    sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
    sopInstanceUid,
    transferSyntaxUid,
    callingAe: 'CT1',
    calledAe: 'RAUNET',
  };
  return Buffer.concat([encodeFileMeta(meta), dataSet(instance)]);
}

const identity = {
  sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
  sopInstanceUid: '1.2.6',
  studyUid: '1.2.4',
  seriesUid: '1.2.5',
  modality: 'CT',
};
const instance = { sopInstanceUid: '1.2.6', studyUid: '1.2.4', seriesUid: '1.2.5' };

test.each(Object.entries(TRANSFER_SYNTAX))(
  '%s: from the first bytes of the file alone',
  (_, transferSyntaxUid) => {
    const file = fileOf({ ...instance, transferSyntaxUid, pixels: Buffer.alloc(100_000) });
    expect(readIdentity(file)).toEqual(identity);
    expect(readIdentity(file.subarray(0, 1000))).toEqual(identity);
  },
);

test('bytes that end before the series: null, never half an identity', () => {
  for (const transferSyntaxUid of Object.values(TRANSFER_SYNTAX).slice(0, 4)) {
    const file = fileOf({ ...instance, transferSyntaxUid });
    for (let length = 0; length < file.length && length < 900; length++) {
      const read = readIdentity(file.subarray(0, length));
      if (read !== null) expect(read).toEqual(identity);
    }
  }
});

test('an element that is not there: null for it', () => {
  expect(readIdentity(fileOf({ ...instance, without: ['seriesUid', 'modality'] }))).toEqual({
    ...identity,
    seriesUid: null,
    modality: null,
  });
});

test('whatever bytes come, it returns', () => {
  const head = encodeFileMeta({
    sopClassUid: '1',
    sopInstanceUid: '2',
    transferSyntaxUid: '1.2.840.10008.1.2',
    callingAe: 'CT1',
    calledAe: 'RAUNET',
  });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      readIdentity(Buffer.concat([head, bytes]));
      readIdentity(Buffer.from(bytes));
    }),
  );
});

test('a deflated bomb does not inflate without limit', () => {
  const file = fileOf({
    ...instance,
    transferSyntaxUid: TRANSFER_SYNTAX.deflatedExplicitLittleEndian,
    privateBytes: 64 * 1024 * 1024 - 2,
  });
  const before = process.memoryUsage().arrayBuffers;
  expect(readIdentity(file.subarray(0, 64 * 1024))).toBeNull();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(48 * 1024 * 1024);
});

// Found by fuzzing (test/faults/fuzz-sockets.test.ts): the instance was kept under the UID in front of the NUL.
test('a UID with a NUL inside is read as the analysis will read it, so that it is refused and not cut', () => {
  const file = fileOf({ ...instance, seriesUid: '1.2.5\0garbage' });
  expect(readIdentity(file)?.seriesUid).toBe('1.2.5\0garbage');
});

// Found by fuzzing (test/faults/fuzz.test.ts): an instance was acknowledged under UIDs that the analysis did not find.
test('a data set that begins with an element of group 0 is read as the analysis will read it', () => {
  const file = fileOf({ ...instance, transferSyntaxUid: TRANSFER_SYNTAX.implicitLittleEndian });
  const at =
    file.length - dataSet({ ...instance, transferSyntaxUid: TRANSFER_SYNTAX.implicitLittleEndian }).length;
  // As explicit VR it has 8 bytes, as implicit VR it reaches beyond the end of the file.
  const strange = Buffer.from([0x00, 0x00, 0x33, 0x2e, 0x31, 0x00, 0x08, 0x00, 0, 0, 0, 0, 0, 0, 0, 0]);
  const mixed = Buffer.concat([file.subarray(0, at), strange, file.subarray(at)]);
  const { dataset } = readHeader(mixed);
  expect(readIdentity(mixed)?.seriesUid ?? null).toBe(dataset.string('SeriesInstanceUID'));
  expect(readIdentity(mixed)?.studyUid ?? null).toBe(dataset.string('StudyInstanceUID'));
});

/** A file whose data set has `bytes` in front of group 0010. */
function withBytes(bytes: Buffer, transferSyntaxUid: string = TRANSFER_SYNTAX.explicitLittleEndian): Buffer {
  const file = fileOf({ ...instance, transferSyntaxUid });
  const at = file.indexOf('Synthetic^Patient') - 8; // behind group 0008, before PatientName
  return Buffer.concat([file.subarray(0, at), bytes, file.subarray(at)]);
}

test.each(['OV', 'SV', 'UV'])(
  '%s, whose length has 32 bits (PS3.5 7.1.2): read over, as the analysis does',
  (vr) => {
    // Read with a 16-bit length, the value would be elements that name another study and series.
    const value = Buffer.concat([
      Buffer.from('LO\0\0'),
      Buffer.from('\x20\0\x0d\0UI\x06\x001.9.9\0', 'latin1'),
      Buffer.from('\x20\0\x0e\0UI\x06\x001.9.8\0', 'latin1'),
    ]);
    const head = Buffer.from(`\x09\0\x01\x10${vr}\0\0\0\0\0\0`, 'latin1');
    head.writeUInt32LE(value.length, 8);
    for (const bytes of [
      Buffer.concat([head, value]),
      Buffer.from(`\x09\0\x01\x10${vr}\0\0\x08\0\0\0\x01\x02\x03\x04\x05\x06\x07\x08`, 'latin1'),
    ]) {
      const file = withBytes(bytes);
      const { dataset } = readHeader(file);
      expect(readIdentity(file)).toEqual(identity);
      expect(readIdentity(file)!.seriesUid).toBe(dataset.string('SeriesInstanceUID'));
      expect(readIdentity(file)!.studyUid).toBe(dataset.string('StudyInstanceUID'));
    }
  },
);

test.each(['explicitLittleEndian', 'implicitLittleEndian'] as const)(
  'an element that comes twice (PS3.5 7.1): null, as the analysis refuses it: %s',
  (name) => {
    const transferSyntaxUid = TRANSFER_SYNTAX[name];
    const modality = Buffer.from(
      `\x08\0\x60\0${name.startsWith('explicit') ? 'CS\x02\0' : '\x02\0\0\0'}MR`,
      'latin1',
    );
    const twice = withBytes(modality, transferSyntaxUid);
    expect(() => readHeader(twice)).toThrow('comes twice');
    expect(readIdentity(twice)).toBeNull();
  },
);
