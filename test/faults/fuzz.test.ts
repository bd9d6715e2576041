import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { types } from 'node:util';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { decodeAssociateRequest } from '../../src/association/associate-request';
import { AssociationBroken } from '../../src/association/broken';
import { ByteReader } from '../../src/association/byte-reader';
import { decodeCommand } from '../../src/association/command';
import { encodeResponse } from '../../src/dicom/command-set';
import { readMessage, skipDataSet } from '../../src/association/messages';
import { PduStream } from '../../src/association/pdu-stream';
import { negotiate, ACCEPTED_SOP_CLASSES } from '../../src/association/presentation-contexts';
import { loadConfig } from '../../src/config/load';
import { toImplicit } from '../../src/delivery/implicit';
import { readPdus, splitPdvs } from '../../src/delivery/pdu';
import { patientAndStudy } from '../../src/dicom/copied';
import { readIdentity } from '../../src/dicom/identity';
import { readPixelData } from '../../src/dicom/pixel-data';
import { readHeader } from '../../src/dicom/read';
import { decodeText } from '../../src/dicom/text';
import { TRANSFER_SYNTAX } from '../../src/dicom/uids';
import { writePart10 } from '../../src/dicom/write';
import { RaunetError } from '../../src/lib/errors';
import { isUid } from '../../src/lib/uid';
import { arrange } from '../../src/series/arrange';
import { toSlices, toSummary } from '../../src/series/slices';
import type { Slice } from '../../src/series/types';
import { decodeFileMeta, encodeFileMeta } from '../../src/spool/part10';
import { checkCodeStream, codecOf } from '../../src/volume/code-stream';
import { openDecoder } from '../../src/volume/decoder';
import { framesOf } from '../../src/volume/frames';
import type { Decoder } from '../../src/volume/types';
import { associateAccept, contextsOf, response } from '../contract/delivery/scripted-scp';
import { ctFile } from '../fixtures/ct';
import { dataSet } from '../fixtures/data-set';
import { encode, header, type Image } from '../fixtures/encode';
import {
  associateRq,
  CT_EXPLICIT,
  cEchoRq,
  cStore,
  cStoreRq,
  item,
  pData,
  pdv,
  RELEASE_RQ,
} from '../fixtures/scripted-peer';
import { fuzz } from './fuzz';
import { mutated } from './mutator';

// Bad input against every reader that is a plain function; fuzz-sockets.test.ts has the rest. The seed is that of the
// run: `npm run test:faults -- --seed N fuzz` gives the same cases. What was found stands as a named test in the
// suite of its module.
jest.setTimeout(60 * 60_000);

/** Whatever is thrown has a code of its own and tells nothing of the patient. */
function coded(work: () => unknown): void {
  try {
    work();
  } catch (thrown) {
    expectCoded(thrown);
  }
}

function expectCoded(thrown: unknown): void {
  if (!(thrown instanceof RaunetError)) throw thrown;
  if (thrown.code === 'RAUNET_INTERNAL') throw thrown;
  expect(thrown.message).not.toMatch(/Doe|Jane/);
}

/** An error, of this realm or of Node's, that is no slip of ours. */
function expectTold(thrown: unknown): void {
  expect(types.isNativeError(thrown)).toBe(true);
  expect((thrown as Error).name).not.toMatch(/TypeError|ReferenceError/);
}

const PATIENT = { PatientName: 'Doe^Jane', PatientID: 'Doe-1' };

const NATIVE = [
  TRANSFER_SYNTAX.implicitLittleEndian,
  TRANSFER_SYNTAX.explicitLittleEndian,
  TRANSFER_SYNTAX.explicitBigEndian,
  TRANSFER_SYNTAX.deflatedExplicitLittleEndian,
];
const COMPRESSED = [
  TRANSFER_SYNTAX.rle,
  TRANSFER_SYNTAX.jpegLosslessFirstOrder,
  TRANSFER_SYNTAX.jpegLsLossless,
  TRANSFER_SYNTAX.jpeg2000Lossless,
  TRANSFER_SYNTAX.htj2kLossless,
];
const IMAGE: Image = {
  rows: 32,
  columns: 24,
  bitsStored: 12,
  signed: false,
  values: Array.from({ length: 32 * 24 }, (_, i) => (i * 5 + ((i * 7919) % 97)) % 4096),
};

/** A received file as the spool has it, in any transfer syntax. */
const spooled = (transferSyntaxUid: string): Buffer =>
  Buffer.concat([
    encodeFileMeta({
      sopClassUid: CT_EXPLICIT.abstractSyntax,
      sopInstanceUid: '1.2.3.1',
      transferSyntaxUid,
      callingAe: 'CT1',
      calledAe: 'RAUNET',
    }),
    dataSet({ sopInstanceUid: '1.2.3.1', transferSyntaxUid, pixels: Buffer.alloc(128, 3) }),
  ]);

const compressed = async (transferSyntaxUid: string): Promise<Buffer> =>
  ctFile(
    { ...PATIENT, ...header(IMAGE), PixelData: [await encode(IMAGE, transferSyntaxUid)] },
    transferSyntaxUid,
  );

const enhanced = (): Buffer =>
  writePart10({
    sopClassUid: '1.2.840.10008.5.1.4.1.1.2.1',
    sopInstanceUid: '1.2.3.1',
    transferSyntaxUid: TRANSFER_SYNTAX.explicitLittleEndian,
    dataset: {
      ...PATIENT,
      StudyInstanceUID: '1.2.3',
      SeriesInstanceUID: '1.2.3.4',
      Modality: 'CT',
      NumberOfFrames: 2,
      ...header(IMAGE),
      SharedFunctionalGroupsSequence: [
        {
          PixelMeasuresSequence: [{ PixelSpacing: ['0.7', '0.7'], SliceThickness: '1' }],
          PlaneOrientationSequence: [{ ImageOrientationPatient: ['1', '0', '0', '0', '1', '0'] }],
          PixelValueTransformationSequence: [
            { RescaleSlope: '1', RescaleIntercept: '-1024', RescaleType: 'HU' },
          ],
        },
      ],
      PerFrameFunctionalGroupsSequence: [0, 1].map((z) => ({
        PlanePositionSequence: [{ ImagePositionPatient: ['0', '0', String(z)] }],
      })),
      ProcedureCodeSequence: [{ CodeValue: '1', CodingSchemeDesignator: 'L', CodeMeaning: 'Thorax' }],
      PixelData: new Uint8Array(2 * 2 * 32 * 24),
    },
  });

describe('association', () => {
  const request = associateRq({
    contexts: [CT_EXPLICIT, { ...CT_EXPLICIT, id: 3 }],
    userItems: [item(0x55, 'VERSION')],
  });

  test('an A-ASSOCIATE-RQ is read or refused as broken', () =>
    fuzz('A-ASSOCIATE-RQ', 10_000, mutated([request.subarray(6)]), (body) => {
      try {
        const { contexts } = decodeAssociateRequest(body);
        negotiate(contexts, ACCEPTED_SOP_CLASSES);
      } catch (thrown) {
        if (!(thrown instanceof AssociationBroken)) throw thrown;
      }
    }));

  test('a command is read or refused as broken, and what is read can be answered', () =>
    fuzz('commands', 10_000, mutated([cStoreRq('1.2.3.1'), cEchoRq()]), (bytes) => {
      try {
        encodeResponse(decodeCommand(bytes), 0xc000, 'comment');
      } catch (thrown) {
        if (!(thrown instanceof AssociationBroken)) throw thrown;
      }
    }));

  test('a stream of PDUs in pieces of any size ends in messages, an ending, or as broken', () => {
    const stream = Buffer.concat([
      cStore('1.2.3.1', dataSet({ sopInstanceUid: '1.2.3.1', pixels: Buffer.alloc(300) }), { size: 200 }),
      pData(pdv(1, cEchoRq(2), { command: true, last: true })),
      RELEASE_RQ,
    ]);
    return fuzz(
      'streams of PDUs',
      8000,
      fc.tuple(
        mutated([stream]),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 20 }),
      ),
      async ([bytes, sizes]) => {
        let at = 0;
        let n = 0;
        const chunks = new ByteReader(async () => {
          if (at >= bytes.length) return null;
          const size = sizes[n++ % sizes.length]!;
          at += size;
          return bytes.subarray(at - size, at);
        });
        const pdus = new PduStream(chunks, 131_072);
        try {
          for (
            let message = await readMessage(pdus);
            typeof message !== 'string';
            message = await readMessage(pdus)
          )
            await skipDataSet(message);
        } catch (thrown) {
          if (!(thrown instanceof AssociationBroken)) throw thrown;
        }
      },
    );
  });
});

describe('delivery', () => {
  const contexts = contextsOf(associateRq());
  const answers = Buffer.concat([associateAccept(contexts, () => true), response(1, 0), response(1, 0xff00)]);

  test('PDUs of a destination are taken apart or refused', () =>
    fuzz('PDUs of a destination', 4000, mutated([answers, response(1, 0)]), async (bytes) => {
      const stream = (async function* () {
        yield bytes.subarray(0, 50);
        yield bytes.subarray(50);
      })();
      try {
        for await (const pdu of readPdus(stream as never, 131_072)) for (const _ of splitPdvs(pdu));
      } catch (thrown) {
        expectTold(thrown);
      }
    }));

  test('a data set becomes implicit or is refused', () => {
    const explicit = ctFile({ ...PATIENT, ReferencedImageSequence: [{ ReferencedSOPInstanceUID: '1.2.3' }] });
    const body = explicit.subarray(144 + explicit.readUInt32LE(140));
    return fuzz('explicit to implicit VR', 3000, mutated([body]), (bytes) => {
      try {
        toImplicit(bytes);
      } catch (thrown) {
        expectTold(thrown);
      }
    });
  });
});

describe('data sets', () => {
  const files = [...NATIVE.map(spooled), ctFile(PATIENT), enhanced()];

  /** Group 2 is our own: a peer damages what is behind it. */
  const received = fc.oneof(
    ...files.map((file) => {
      const end = 144 + file.readUInt32LE(140);
      return mutated([file.subarray(end)]).map((dataset) => Buffer.concat([file.subarray(0, end), dataset]));
    }),
  );

  test('what is acknowledged is read, or refused by code, and stays the instance that it was', () =>
    fuzz('received files', 10_000, received, (bytes) => {
      // c-store.ts: Success only where these are known.
      const identity = readIdentity(bytes);
      decodeFileMeta(bytes);
      coded(() => {
        const file = readHeader(bytes);
        // Else it is refused. Other than what the analysis will read is not allowed.
        if (!isUid(identity?.studyUid ?? '') || !isUid(identity?.seriesUid ?? '')) return;
        const { dataset } = file;
        const placed = {
          studyUid: dataset.string('StudyInstanceUID'),
          seriesUid: dataset.string('SeriesInstanceUID'),
        };
        expect({ studyUid: identity?.studyUid, seriesUid: identity?.seriesUid }).toEqual(placed);
      });
    }));

  test('a series of damaged headers is arranged or refused by code', () =>
    fuzz('headers of a series', 6000, fc.array(mutated(files), { minLength: 1, maxLength: 4 }), (all) =>
      coded(() => {
        const read = all.map((bytes) => readHeader(bytes));
        for (const { dataset } of read) patientAndStudy(dataset);
        arrange(
          read.flatMap((file, n) => toSlices(`${n}.dcm`, file)),
          toSummary(read[0]!, { callingAe: null, calledAe: null }),
        );
      }),
    ));

  test('text in any character set is read', () => {
    const sets = [
      'ISO_IR 100',
      'ISO_IR 192',
      'GB18030',
      'ISO 2022 IR 6\\ISO 2022 IR 87',
      'ISO 2022 IR 149',
      'ISO_IR 13',
      'no set',
      '\\',
    ];
    const names = ['Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:', 'Müller', '\x1b$)C\xfb\xf3'].map((name) =>
      Buffer.from(name, 'latin1'),
    );
    return fuzz(
      'text in character sets',
      4000,
      fc.tuple(mutated(names), fc.constantFrom(...sets)),
      ([bytes, set]) => {
        expect(typeof decodeText(bytes, 'PN', set)).toBe('string');
      },
    );
  });
});

describe('pixels', () => {
  let folder: string;
  let decoder: Decoder;
  const good = new Map<string, Buffer>();
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'raunet-fuzz-'));
    decoder = openDecoder({ threads: 2, timeoutSeconds: 10 });
    for (const syntax of COMPRESSED) good.set(syntax, await compressed(syntax));
  });
  afterAll(async () => {
    await decoder.close();
    await rm(folder, { recursive: true });
  });

  test('damaged fragments and code streams are refused before a codec sees them, or look whole', () =>
    fuzz('code streams before the codec', 4000, mutated([...good.values()]), (bytes) => {
      try {
        const pixels = readPixelData(bytes);
        if (pixels.kind !== 'encapsulated') return;
        const codec = codecOf(pixels.transferSyntaxUid);
        checkCodeStream(codec, framesOf(pixels, 1)(0), { ...IMAGE, bitsAllocated: 16 });
      } catch (thrown) {
        expectTold(thrown);
      }
    }));

  let files = 0;
  async function decode(bytes: Buffer): Promise<void> {
    const file = join(folder, `${files++}.dcm`);
    await writeFile(file, bytes);
    try {
      for (const slice of toSlices(file, readHeader(bytes)) as Slice[]) {
        if (slice.rows * slice.columns > 1e6) continue;
        const pixels = await decoder.decode(slice);
        expect(pixels.length).toBe(slice.rows * slice.columns);
      }
    } catch (thrown) {
      expectCoded(thrown);
    } finally {
      await rm(file);
    }
  }

  test.each(COMPRESSED)(
    'codec of %s: damaged streams are refused by code or give a whole picture',
    async (syntax) => {
      const whole = good.get(syntax)!;
      const stream = [...whole.subarray(whole.lastIndexOf(Buffer.from([0xfe, 0xff, 0x00, 0xe0])) + 8)];
      const start = whole.length - 8 - stream.length;
      expect(start).toBeGreaterThan(0);
      await fuzz(`pixel streams, ${syntax}`, 600, mutated([whole]), decode);
      // The next patient's slices are not spoilt.
      const file = join(folder, 'good.dcm');
      await writeFile(file, whole);
      const [slice] = toSlices(file, readHeader(whole));
      expect([...(await decoder.decode(slice!))]).toEqual(IMAGE.values);
    },
  );

  test('uncompressed pixels of any length are refused by code or give a whole picture', () =>
    fuzz('pixel streams, native', 600, mutated([ctFile(PATIENT), enhanced()]), decode));
});

describe('configuration', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'raunet-fuzz-config-'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const shipped = readFileSync('conf/raunet.yaml');
  // Comments aside: most of the file.
  const bare = Buffer.from(shipped.toString().replace(/^\s*#.*\n/gm, ''));
  const load = async (text: string | Buffer, environment: Record<string, string> = {}): Promise<void> => {
    const file = join(folder, 'raunet.yaml');
    await writeFile(file, text);
    coded(() => loadConfig(file, environment));
  };

  test('a damaged file is read or refused by code', () =>
    fuzz('configuration, bytes', 1500, mutated([bare, shipped]), (bytes) => load(bytes)));

  test('any values in any shape are read or refused by code', () => {
    const sections = [
      'association',
      'series',
      'inference',
      'result',
      'delivery',
      'jobs',
      'maintenance',
      'database',
      'admin',
      'log',
      'dataDir',
      '__proto__',
      'constructor',
    ];
    const keys = [
      'port',
      'host',
      'allow',
      'destinations',
      'rules',
      'name',
      'aeTitle',
      'providers',
      '__proto__',
    ];
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom(null, true, 0, -1, 1e308, '', 'x', '*a', '127.0.0.1', '0/0'),
        fc.string(),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...keys), tie('tree'), { maxKeys: 3 }),
      ),
    }));
    return fuzz(
      'configuration, values',
      3000,
      fc.dictionary(fc.constantFrom(...sections), tree, { maxKeys: 5, noNullPrototype: true }),
      (values) => load(stringify(values)),
    );
  });

  test('any text in the environment is read or refused by code', () => {
    const names = [
      'RAUNET_ASSOCIATION_PORT',
      'RAUNET_ASSOCIATION_ALLOW',
      'RAUNET_DELIVERY_DESTINATIONS',
      'DATABASE_URL',
      'RAUNET_X',
    ];
    const text = fc.oneof(
      fc.string(),
      fc.constantFrom(
        '[',
        '{a: ',
        '*a',
        '&a [*a]',
        '!!binary x',
        '- - -',
        '%',
        '"',
        '{<<: 1}',
        '? a',
        '1e999',
        '!!set {a}',
      ),
    );
    return fuzz(
      'configuration, environment',
      3000,
      fc.dictionary(fc.constantFrom(...names), text, { maxKeys: 3, noNullPrototype: true }),
      (environment) => {
        coded(() => loadConfig(null, environment));
      },
    );
  });
});
