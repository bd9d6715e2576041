import fc from 'fast-check';
import { patientAndStudy } from '../../../src/dicom/copied';
import { readHeader } from '../../../src/dicom/read';
import { RaunetError } from '../../../src/lib/errors';
import { arrange } from '../../../src/series/arrange';
import { toSlices, toSummary } from '../../../src/series/slices';
import { ctFile } from '../../fixtures/ct';

const whole = ctFile({
  PatientName: 'Doe^Jane',
  ReferencedImageSequence: [{ ReferencedSOPInstanceUID: '1.2.3' }],
  ProcedureCodeSequence: [{ CodeValue: '1', CodingSchemeDesignator: 'L', CodeMeaning: 'Thorax' }],
});

test('a file with any bytes changed or cut off is read or refused by code, and no message tells the patient', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.integer({ min: 128, max: whole.length - 1 }), fc.nat(255)), { maxLength: 8 }),
      fc.integer({ min: 0, max: whole.length }),
      (changes, length) => {
        const bytes = Buffer.from(whole.subarray(0, length));
        for (const [at, value] of changes) if (at < length) bytes[at] = value;
        try {
          const header = readHeader(bytes);
          const slices = toSlices('a.dcm', header);
          patientAndStudy(header.dataset);
          arrange(slices, toSummary(header, { callingAe: null, calledAe: null }));
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(RaunetError);
          expect((thrown as RaunetError).code).not.toBe('RAUNET_INTERNAL');
          expect((thrown as RaunetError).message).not.toMatch(/Doe|Jane/);
        }
      },
    ),
    { numRuns: 2000 },
  );
});
