import { SOP_CLASS } from '../../../src/dicom/uids';
import type { ErrorCode } from '../../../src/lib/error-codes';
import { arrange } from '../../../src/series/arrange';
import type { OrderedSeries, Slice } from '../../../src/series/types';
import { ctSlice, ctStack, ctSummary, vector } from '../../fixtures/ct';

// One describe block for each row of the project's table of CT input, in its order.

const warningsOf = ({ warnings }: OrderedSeries): string[] => warnings.map(({ code }) => code);
const zOf = ({ slices }: OrderedSeries): (number | undefined)[] =>
  slices.map(({ position }) => position?.values[2]);
const refused = (slices: readonly Slice[], code: ErrorCode, summary = ctSummary()): void =>
  expect(() => arrange(slices, summary)).toThrow(
    expect.objectContaining({
      code,
      context: expect.objectContaining({ seriesUid: summary.seriesUid, stage: 'series' }),
    }),
  );
const scan = ctStack(30);

test('an unremarkable chest CT has no warning', () => {
  const series = arrange(scan, ctSummary());
  expect(series.warnings).toEqual([]);
  expect(series.slices).toHaveLength(30);
  expect(series.normal).toEqual([0, 0, 1]);
});

describe('localizer, dose report, not CT, RGB', () => {
  const others: [string, Partial<Slice>][] = [
    ['localizer', { imageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'] }],
    ['secondary capture', { sopClassUid: SOP_CLASS.secondaryCapture }],
    ['RGB', { samplesPerPixel: 3, photometric: 'RGB' }],
    ['perfusion map', { imageType: ['DERIVED', 'PRIMARY', 'PERFUSION', 'RCBF'] }],
    ['structured report', { rows: 0, columns: 0 }],
    ['multi-frame without functional groups', { frameCount: 40 }],
  ];
  test.each(others)('%s among the slices is left out and told', (_, changes) => {
    const series = arrange([ctSlice(500, { ...changes, sopInstanceUid: '9' }), ...scan], ctSummary());
    expect(series.slices).toHaveLength(30);
    expect(warningsOf(series)).toEqual(['LEFT_OUT']);
  });
  test.each(others)('%s alone: NO_AXIAL_CT', (_, changes) =>
    refused([ctSlice(0, changes)], 'RAUNET_NO_AXIAL_CT'),
  );
  test('another modality: NO_AXIAL_CT', () =>
    refused(scan, 'RAUNET_NO_AXIAL_CT', ctSummary({ modality: 'PT' })));
  // Found by fuzzing (test/faults/fuzz.test.ts): in a damaged header a name stood there, and was told.
  test('a modality is told, what is none is not', () => {
    expect(() => arrange(scan, ctSummary({ modality: 'PT' }))).toThrow('(modality PT;');
    expect(() => arrange(scan, ctSummary({ modality: 'DOE' }))).toThrow('(modality unknown;');
  });
  test('nothing at all: NO_AXIAL_CT', () => refused([], 'RAUNET_NO_AXIAL_CT'));
});

describe('no position, orientation or spacing', () => {
  test.each(['position', 'orientation', 'pixelSpacing'] as const)(
    'no %s: NO_GEOMETRY names the instance',
    (field) => {
      const slices = [...scan.slice(1), ctSlice(0, { [field]: null, sopInstanceUid: '1.9' })];
      expect(() => arrange(slices, ctSummary())).toThrow(/RAUNET_NO_GEOMETRY.*1 of 30 images.*instance 1\.9/);
    },
  );
  test('a single image that does not say how thick it is: NO_GEOMETRY', () =>
    refused([ctSlice(0, { thicknessMm: null })], 'RAUNET_NO_GEOMETRY'));
});

describe('mixed orientation or matrix', () => {
  const coronal = vector(1, 0, 0, 0, 0, -1);
  test('one axial scan among coronal reformats is taken, with a warning', () => {
    const reformats = ctStack(40).map((slice, k) => ({
      ...slice,
      sopInstanceUid: `8.${k}`,
      orientation: coronal,
    }));
    const series = arrange([...reformats, ...scan], ctSummary());
    expect(series.slices).toHaveLength(30);
    expect(warningsOf(series)).toEqual(['MIXED_GEOMETRY']);
  });
  test('the axial group with at least twice the slices of the next is clear', () => {
    const small = ctStack(15).map((slice, k) => ({
      ...slice,
      sopInstanceUid: `8.${k}`,
      rows: 4,
      columns: 4,
    }));
    expect(warningsOf(arrange([...small, ...scan], ctSummary()))).toEqual(['MIXED_GEOMETRY']);
  });
  test.each<[string, Partial<Slice>]>([
    ['frame of reference', { frameOfReferenceUid: '1.2.3.6' }],
    ['matrix', { rows: 4, columns: 4 }],
    ['pixel spacing', { pixelSpacing: vector(0.9, 0.9) }],
    ['orientation', { orientation: vector(-1, 0, 0, 0, -1, 0) }],
  ])('two groups of like size that differ in %s: MIXED_GEOMETRY', (_, changes) => {
    const second = ctStack(20).map((slice, k) => ({ ...slice, sopInstanceUid: `8.${k}`, ...changes }));
    refused([...scan, ...second], 'RAUNET_MIXED_GEOMETRY');
  });
  test('a frame of reference of its own for each image: refused, without a line of three hundred numbers', () => {
    const slices = scan.map((slice, k) => ({ ...slice, frameOfReferenceUid: `1.2.3.${k}` }));
    expect(() => arrange(slices, ctSummary())).toThrow(
      /RAUNET_MIXED_GEOMETRY.*groups of 1 \+ 1 \+ 1 \+ 1 \+ 1 \+ \.\.\. images/,
    );
  });
});

describe('not axial', () => {
  test('coronal: NOT_AXIAL', () =>
    refused(ctStack(30, 1.5, { orientation: vector(1, 0, 0, 0, 0, -1) }), 'RAUNET_NOT_AXIAL'));
  test.each([
    [25, true],
    [26.5, false],
  ])('a normal at %d degrees to the axis: axial %p (dominant normal 0.9)', (degrees, axial) => {
    const angle = (degrees * Math.PI) / 180;
    const tilted = vector(1, 0, 0, 0, Math.cos(angle), Math.sin(angle));
    const slices = ctStack(30, 1.5, { orientation: tilted });
    if (axial) expect(arrange(slices, ctSummary()).slices).toHaveLength(30);
    else refused(slices, 'RAUNET_NOT_AXIAL');
  });
  test('prone and head-last scans are axial', () => {
    expect(
      arrange(ctStack(30, 1.5, { orientation: vector(-1, 0, 0, 0, -1, 0) }), ctSummary()).warnings,
    ).toEqual([]);
    const headLast = arrange(ctStack(30, 1.5, { orientation: vector(-1, 0, 0, 0, 1, 0) }), ctSummary());
    expect(headLast.normal[2]).toBe(-1);
    expect(zOf(headLast)[0]).toBe(29 * 1.5);
  });
});

describe('missing slices', () => {
  const without = (...missing: number[]) => ctStack(60).filter((_, k) => !missing.includes(k));
  test('an interior gap is told; the slices beside it stand for it', () => {
    const series = arrange(without(20), ctSummary());
    expect(warningsOf(series)).toEqual(['MISSING_SLICES']);
    expect(series.warnings[0]?.sentence).toContain('1 of 60 slices missing in 1 gap(s), the longest 3.0 mm');
    expect(series.extentsMm[19]).toBeCloseTo(2.25);
    expect(series.extentsMm.reduce((sum, extent) => sum + extent, 0)).toBeCloseTo(60 * 1.5);
  });
  test('more than 5 % missing: INCOMPLETE', () => {
    expect(warningsOf(arrange(without(10, 20, 30), ctSummary()))).toEqual(['MISSING_SLICES']);
    refused(without(10, 20, 30, 40), 'RAUNET_INCOMPLETE');
  });
  test('a gap longer than 10 mm: INCOMPLETE', () => {
    const long = ctStack(300, 1);
    expect(
      warningsOf(
        arrange(
          long.filter((_, k) => k < 50 || k > 58),
          ctSummary(),
        ),
      ),
    ).toEqual(['MISSING_SLICES']);
    refused(
      long.filter((_, k) => k < 50 || k > 59),
      'RAUNET_INCOMPLETE',
    );
  });
  test('one slice of a 5 mm scan may miss, however its positions are rounded', () => {
    const slices = Array.from({ length: 60 }, (_, k) => ctSlice(-123.456789 + 5 * k)).filter(
      (_, k) => k !== 7,
    );
    expect(warningsOf(arrange(slices, ctSummary()))).toEqual(['MISSING_SLICES']);
  });
  test('a protocol with wide steps has no gap', () =>
    expect(arrange(ctStack(30, 15), ctSummary()).warnings).toEqual([]));
});

describe('uneven spacing', () => {
  const at = (zs: number[]) => zs.map((z) => ctSlice(z));
  test('a slice stands for half the distance to both neighbours', () => {
    const series = arrange(at([0, 4, 10, 15, 20]), ctSummary());
    expect(series.extentsMm).toEqual([4, 5, 5.5, 5, 5]);
    expect(warningsOf(series)).toEqual(['UNEVEN_SPACING', 'FEW_SLICES']);
  });
  test('a protocol that changes its step on the way is uneven, not incomplete', () => {
    const zs = [
      ...Array.from({ length: 20 }, (_, k) => 2 * k),
      ...Array.from({ length: 20 }, (_, k) => 42 + 4 * k),
    ];
    expect(warningsOf(arrange(at(zs), ctSummary()))).toEqual(['UNEVEN_SPACING']);
  });
  test('rounded positions are even', () => {
    const rounded = Array.from({ length: 30 }, (_, k) => Math.round(k * 0.625 * 100) / 100);
    expect(arrange(at(rounded), ctSummary()).warnings).toEqual([]);
  });
});

describe('two slices at one position', () => {
  const twice = (second: Partial<Slice>, first: Partial<Slice> = {}) => [
    ...ctStack(30, 1.5, first),
    ...ctStack(30, 1.5, second).map((slice) => ({ ...slice, sopInstanceUid: `8.${slice.sopInstanceUid}` })),
  ];
  test('the same SOP instance again is ignored', () =>
    expect(arrange([...scan, ...scan], ctSummary())).toEqual(arrange(scan, ctSummary())));
  test.each<[string, Partial<Slice>, Partial<Slice>]>([
    ['acquisition number', { acquisitionNumber: 1 }, { acquisitionNumber: 2 }],
    ['temporal position', { temporalPosition: 1 }, { temporalPosition: 2 }],
    ['trigger time', { triggerTimeMs: 100 }, { triggerTimeMs: 640 }],
    ['cardiac phase', { cardiacPhase: 30 }, { cardiacPhase: 75 }],
  ])('phases are split by %s; the first is taken and told', (name, first, second) => {
    const series = arrange(twice(second, first).reverse(), ctSummary());
    expect(series.slices.map(({ sopInstanceUid }) => sopInstanceUid)).toEqual(
      scan.map(({ sopInstanceUid }) => sopInstanceUid),
    );
    expect(warningsOf(series)).toEqual(['MULTI_PHASE']);
    expect(series.warnings[0]?.sentence).toContain(name);
  });
  test('the fullest phase goes before the first', () => {
    const slices = twice({ acquisitionNumber: 2 }).filter(
      (slice) => slice.acquisitionNumber === 2 || slice.position?.values[2] !== 0,
    );
    expect(
      arrange(slices, ctSummary()).slices.every(({ acquisitionNumber }) => acquisitionNumber === 2),
    ).toBe(true);
  });
  test('nothing tells them apart: MULTI_PHASE', () => refused(twice({}), 'RAUNET_MULTI_PHASE'));
  test('two parts of one scan that overlap are not phases of it: MULTI_PHASE', () => {
    const upper = ctStack(20, 1.5, { acquisitionNumber: 1 });
    const lower = ctStack(20, 1.5, { acquisitionNumber: 2 }).map((slice, k) => ({
      ...slice,
      sopInstanceUid: `8.${k}`,
      position: vector(-100, -100, 27 + 1.5 * k),
    }));
    refused([...upper, ...lower], 'RAUNET_MULTI_PHASE');
  });
});

describe('two scans a fraction of a step apart', () => {
  const acquisition = (acquisitionNumber: number, fromMm: number, count = 100, stepMm = 3) =>
    Array.from({ length: count }, (_, k) =>
      ctSlice(fromMm + k * stepMm, { acquisitionNumber, sopInstanceUid: `1.2.${acquisitionNumber}.${k}` }),
    );
  const acquisitionsOf = ({ slices }: OrderedSeries) => [
    ...new Set(slices.map(({ acquisitionNumber }) => acquisitionNumber)),
  ];

  test.each([0, 0.005, 0.05, 0.3, 1, 1.25, 1.5, 2.9, 30])(
    'the same range again, the table %d mm further: phases; the first is taken and told',
    (offsetMm) => {
      const series = arrange([...acquisition(2, offsetMm), ...acquisition(1, 0)], ctSummary());
      expect(series.slices).toHaveLength(100);
      expect(acquisitionsOf(series)).toEqual([1]);
      expect(warningsOf(series)).toEqual(['MULTI_PHASE']);
      expect(series.warnings[0]?.sentence).toContain('2 phases by acquisition number');
    },
  );
  test('a part scanned again, in steps of its own, is a phase; the whole scan is taken', () => {
    const series = arrange([...acquisition(1, 60.7, 20, 5), ...acquisition(2, 0)], ctSummary());
    expect(acquisitionsOf(series)).toEqual([2]);
    expect(warningsOf(series)).toEqual(['MULTI_PHASE']);
  });
  test.each<[string, number, number]>([
    ['that follow each other', 300, 100],
    ['that overlap by a few slices, between each other', 286, 100],
    ['of which one is much shorter', 300, 10],
  ])('acquisitions %s are one volume', (_, fromMm, count) => {
    const series = arrange([...acquisition(1, 0), ...acquisition(2, fromMm, count)], ctSummary());
    expect(series.slices).toHaveLength(100 + count);
    expect(warningsOf(series)).not.toContain('MULTI_PHASE');
  });
  test('a monitoring image beside them does not mix them', () => {
    const series = arrange(
      [...acquisition(2, 1.5), ...acquisition(1, 0), ...acquisition(3, 120, 1)],
      ctSummary(),
    );
    expect(series.slices).toHaveLength(100);
    expect(acquisitionsOf(series)).toEqual([1]);
    expect(warningsOf(series)).toEqual(['MULTI_PHASE']);
  });
  test.each([
    [100, 1],
    [200, 2],
  ])(
    'two scans of the chest and %d slices of the abdomen: MULTI_PHASE, not a mixture of them',
    (count, elsewhere) => {
      const slices = [...acquisition(1, 0), ...acquisition(2, 1.5), ...acquisition(3, -3 * count, count)];
      refused(slices, 'RAUNET_MULTI_PHASE');
      expect(() => arrange(slices, ctSummary())).toThrow(
        `3 phases by acquisition number, ${elsewhere} of them elsewhere than the fullest`,
      );
    },
  );
  test('parts that share their seam: MULTI_PHASE, no part is thrown away', () =>
    refused([...acquisition(1, 0), ...acquisition(2, 297, 20)], 'RAUNET_MULTI_PHASE'));
  test('an acquisition that fills a gap of the other is one volume with it', () => {
    const gap = (slice: Slice) => Math.abs(slice.position!.values[2]! - 150) < 14;
    const around = acquisition(1, 0).filter((slice) => !gap(slice));
    const series = arrange([...around, ...acquisition(2, 0).filter(gap)], ctSummary());
    expect(series.slices).toHaveLength(100);
    expect(series.warnings).toEqual([]);
  });
  test.each([1, 4, 16])('an acquisition number for each %d images in turn tells no phases', (images) => {
    const slices = ctStack(96, 3).map((slice, k) => ({
      ...slice,
      acquisitionNumber: Math.floor(k / images),
    }));
    expect(arrange(slices, ctSummary())).toMatchObject({ slices, warnings: [] });
  });
  test.each([2, 5, 40])('trigger times that only happen to be one of %d tell no phases', (times) => {
    const slices = ctStack(96, 3).map((slice, k) => ({
      ...slice,
      triggerTimeMs: Math.floor(1e4 * Math.abs(Math.sin(k))) % times,
    }));
    expect(arrange(slices, ctSummary())).toMatchObject({ slices, warnings: [] });
  });
});

describe('gantry tilt', () => {
  const tilted = (degrees: number) =>
    ctStack(30, 5).map((slice, k) => ({
      ...slice,
      position: vector(-100, -100 + 5 * k * Math.tan((degrees * Math.PI) / 180), 5 * k),
    }));
  test('is found from the positions against the normal', () => {
    const series = arrange(tilted(20), ctSummary());
    expect(warningsOf(series)).toEqual(['GANTRY_TILT']);
    expect(series.warnings[0]?.sentence).toContain('20.0 degrees');
    expect(series.extentsMm[3]).toBeCloseTo(5);
  });
  test('above 30 degrees: GANTRY_TILT', () => {
    expect(warningsOf(arrange(tilted(29.9), ctSummary()))).toEqual(['GANTRY_TILT']);
    refused(tilted(30.1), 'RAUNET_GANTRY_TILT');
  });
});

describe('rescale', () => {
  test('that varies is no matter of warning', () => {
    const slices = ctStack(30).map((slice, k) => ({ ...slice, rescaleSlope: 1 + k / 100 }));
    expect(arrange(slices, ctSummary()).warnings).toEqual([]);
  });
  test.each<[string, Partial<Slice>]>([
    ['slope', { rescaleSlope: null }],
    ['intercept', { rescaleIntercept: null }],
    ['unit', { rescaleType: 'US' }],
  ])('without a %s is told; the pixels decide', (_, changes) =>
    expect(warningsOf(arrange(ctStack(30, 1.5, changes), ctSummary()))).toEqual(['NO_RESCALE']),
  );
});

describe('burnt-in, DERIVED\\SECONDARY reformats', () => {
  test.each([
    ['DERIVED', 'SECONDARY', 'AXIAL', 'CT_SOM5 MIP'],
    ['DERIVED', 'SECONDARY', 'REFORMATTED', 'MINIP'],
    ['DERIVED', 'SECONDARY', 'AXIAL', 'VRT'],
    ['DERIVED', 'PRIMARY', 'VOLUME', 'MAXIMUM'],
    ['DERIVED', 'PRIMARY', 'VOLUME', 'MAX_IP'],
    ['DERIVED', 'SECONDARY', 'REFORMATTED', 'MIN IP'],
    ['DERIVED', 'SECONDARY', 'REFORMATTED', 'MNIP'],
  ])('%s\\%s\\%s\\%s: DERIVED_REFORMAT', (...imageType) =>
    refused(ctStack(30, 1.5, { imageType }), 'RAUNET_DERIVED_REFORMAT'),
  );
  test('derived images of a series that calls itself MIP: DERIVED_REFORMAT', () =>
    refused(
      ctStack(30, 1.5, { imageType: ['DERIVED', 'SECONDARY'] }),
      'RAUNET_DERIVED_REFORMAT',
      ctSummary({ description: 'Thorax MIP 10.0' }),
    ));
  test('thin axial derived images are processed with a warning', () =>
    expect(
      warningsOf(arrange(ctStack(30, 1.5, { imageType: ['DERIVED', 'SECONDARY', 'AXIAL'] }), ctSummary())),
    ).toEqual(['DERIVED']));
  test('burnt-in annotation is told', () =>
    expect(warningsOf(arrange(ctStack(30, 1.5, { burnedIn: true }), ctSummary()))).toEqual(['BURNED_IN']));
});

describe('lossy, sharp kernel, thick, contrast, few slices', () => {
  test.each<[string, Partial<Slice>]>([
    ['LOSSY', { lossy: { ratio: '9.8', method: 'ISO_10918_1' } }],
    ['SHARP_KERNEL', { kernel: 'B70f' }],
    ['SHARP_KERNEL', { kernel: 'LUNG' }],
    ['SHARP_KERNEL', { kernel: 'FC51' }],
    ['SHARP_KERNEL', { kernel: 'Bl57d\\3' }],
    ['THICK_SLICES', { thicknessMm: 7 }],
    ['CONTRAST', { contrastAgent: 'OMNIPAQUE' }],
  ])('%s %p', (code, changes) =>
    expect(warningsOf(arrange(ctStack(30, 1.5, changes), ctSummary()))).toEqual([code]),
  );
  test.each(['B30f', 'STANDARD', 'FC08', 'Br40', 'B', 'SOFT', 'C'])('%s is no sharp kernel', (kernel) =>
    expect(arrange(ctStack(30, 1.5, { kernel }), ctSummary()).warnings).toEqual([]),
  );
  test('5 mm is not thick, 20 slices are not few', () =>
    expect(arrange(ctStack(20, 5, { thicknessMm: 5 }), ctSummary()).warnings).toEqual([]));
  test('FEW_SLICES', () => expect(warningsOf(arrange(ctStack(19), ctSummary()))).toEqual(['FEW_SLICES']));
});

test('MONOCHROME1 is an image like any other', () =>
  expect(arrange(ctStack(30, 1.5, { photometric: 'MONOCHROME1' }), ctSummary()).warnings).toEqual([]));

test('random instance numbers: order is by position along the normal only', () => {
  const numbered = scan.map((slice, k) => ({ ...slice, instanceNumber: (k * 7919) % 31 }));
  expect(
    zOf(
      arrange(
        [...numbered].sort((a, b) => a.instanceNumber - b.instanceNumber),
        ctSummary(),
      ),
    ),
  ).toEqual(zOf(arrange(scan, ctSummary())));
});
