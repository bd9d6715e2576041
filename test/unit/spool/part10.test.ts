import fc from 'fast-check';
import { parseDicom } from 'dicom-parser';
import { IMPLEMENTATION } from '../../../src/dicom/uids';
import { dataSet } from '../../fixtures/data-set';
import { decodeFileMeta, encodeFileMeta } from '../../../src/spool/part10';

const uid = fc.stringMatching(/^[0-9][0-9.]{0,63}$/);
/** PS3.5 6.2: up to 16 characters; spaces at the end say nothing. */
const ae = fc.stringMatching(/^[A-Z0-9_][A-Z0-9_ ]{0,14}[A-Z0-9_]$/);

test('group 2 is what a reader expects, its length is right, and it reads back (PS3.10 7.1)', () => {
  fc.assert(
    fc.property(
      uid,
      uid,
      uid,
      ae,
      ae,
      (sopClassUid, sopInstanceUid, transferSyntaxUid, callingAe, calledAe) => {
        const meta = { sopClassUid, sopInstanceUid, transferSyntaxUid, callingAe, calledAe };
        const head = encodeFileMeta(meta);
        expect(decodeFileMeta(Buffer.concat([head, Buffer.alloc(20)]))).toEqual({
          ...meta,
          dataSetOffset: head.length,
        });
        const read = parseDicom(Buffer.concat([head, dataSet({ sopInstanceUid })]), {
          untilTag: 'x00080016',
        });
        expect(read.uint32('x00020000')).toBe(head.length - 144);
        expect(
          [2, 3, 0x10, 0x12, 0x13, 0x17, 0x18].map((e) =>
            read.string(`x000200${e.toString(16).padStart(2, '0')}`),
          ),
        ).toEqual([
          sopClassUid,
          sopInstanceUid,
          transferSyntaxUid,
          IMPLEMENTATION.classUid,
          IMPLEMENTATION.versionName,
          callingAe,
          calledAe,
        ]);
      },
    ),
  );
});

test('no file of ours is read as one', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      expect(decodeFileMeta(Buffer.from(bytes))).toBeNull();
    }),
  );
  const uids = { sopClassUid: '1.2', sopInstanceUid: '1.3', transferSyntaxUid: '1.4' };
  const head = encodeFileMeta({ ...uids, callingAe: 'CT1', calledAe: 'RAUNET' });
  for (let length = 0; length < head.length; length++)
    expect(decodeFileMeta(head.subarray(0, length))).toBeNull();
});
