import dicomParser from 'dicom-parser';
import { toImplicit } from '../../../src/delivery/implicit';
import { readMeta } from '../../../src/dicom/meta';
import { SOP_CLASS, TRANSFER_SYNTAX } from '../../../src/dicom/uids';
import { writePart10 } from '../../../src/dicom/write';

const pixels = Uint8Array.from({ length: 1000 }, (_, at) => at & 0xff);

function explicitDataSet(): Buffer {
  const file = writePart10({
    sopClassUid: SOP_CLASS.segmentation,
    sopInstanceUid: '2.25.9',
    transferSyntaxUid: TRANSFER_SYNTAX.explicitLittleEndian,
    dataset: {
      PatientName: 'Prüfung^Ülf',
      SegmentSequence: [
        { SegmentNumber: 1, AnatomicRegionSequence: [{ CodeMeaning: 'Lung' }] },
        { SegmentNumber: 2, AnatomicRegionSequence: [] },
      ],
      PixelData: pixels,
    },
  });
  return file.subarray(readMeta(file).end);
}

/** Values of all leaf elements, by path: dicom-parser is a reader that is not ours. */
function values(dataSet: dicomParser.DataSet, path = ''): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [tag, element] of Object.entries(dataSet.elements)) {
    if (element.items)
      element.items.forEach((item, n) => Object.assign(found, values(item.dataSet!, `${path}${tag}[${n}].`)));
    else
      found[path + tag] = Buffer.from(
        dataSet.byteArray.slice(element.dataOffset, element.dataOffset + element.length),
      ).toString('hex');
  }
  return found;
}

/** The data set behind a file meta information that names only its transfer syntax; values without that. */
function valuesOf(bytes: Buffer, transferSyntax: string): Record<string, string> {
  const uid = transferSyntax.length % 2 === 0 ? transferSyntax : `${transferSyntax}\0`;
  const element = Buffer.from([0x02, 0x00, 0x10, 0x00, 0x55, 0x49, uid.length, 0x00]);
  const file = Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), element, Buffer.from(uid), bytes]);
  const sequences = ['x00620002', 'x00082218'];
  const dataSet = dicomParser.parseDicom(file, {
    vrCallback: (tag) => (sequences.includes(tag) ? 'SQ' : 'UN'),
  });
  const { x00020010: _, ...rest } = values(dataSet);
  return rest;
}

test('every value of every nesting level stays byte for byte', () => {
  const explicit = explicitDataSet();
  const before = valuesOf(explicit, TRANSFER_SYNTAX.explicitLittleEndian);
  const after = valuesOf(toImplicit(explicit), TRANSFER_SYNTAX.implicitLittleEndian);
  expect(Object.keys(before)).toContain('x00620002[0].x00082218[0].x00080104');
  expect(after).toEqual(before);
  expect(after['x7fe00010']).toBe(Buffer.from(pixels).toString('hex'));
});

test('sequences and items of defined and of undefined length come out the same', () => {
  const leaf = Buffer.from('080000015348040041422043', 'hex');
  const head = (hex: string, length: number): Buffer => {
    const bytes = Buffer.concat([Buffer.from(hex, 'hex'), Buffer.alloc(4)]);
    bytes.writeUInt32LE(length, bytes.length - 4);
    return bytes;
  };
  const defined = Buffer.concat([
    head('0800821053510000', leaf.length + 8),
    head('feff00e0', leaf.length),
    leaf,
  ]);
  const undefinedLength = Buffer.concat([
    head('0800821053510000', 0xffffffff),
    head('feff00e0', 0xffffffff),
    leaf,
    head('feff0de0', 0),
    head('feffdde0', 0),
  ]);
  expect(toImplicit(defined).equals(toImplicit(undefinedLength))).toBe(true);
});

test.each([
  ['encapsulated pixel data', 'e07f10004f420000ffffffff'],
  ['UN of undefined length', '09001010554e0000ffffffff'],
  ['a length beyond the data set', '100010004c4f1000414243'],
  ['no VR at all', '100010000400000041424320'],
  ['a sequence without its end', '0800821053510000ffffffff'],
  ['an item cut off', '0800821053510000fffffffffeff00e020000000'],
])('%s is refused, not guessed', (_, hex) => {
  expect(() => toImplicit(Buffer.from(hex, 'hex'))).toThrow();
});
