import type { DataSet } from '../../../src/dicom/data-set';
import { readHeader } from '../../../src/dicom/read';
import type { ClassMeasurement } from '../../../src/mask/types';
import { buildSeg } from '../../../src/result/seg/seg';
import { buildRefusalSr, buildSr } from '../../../src/result/sr/sr';
import type { Refusal } from '../../../src/result/types';
import { context, type Source, source } from '../../fixtures/result-source';

function report(given: Source, options = {}): { sr: DataSet; seg: DataSet | null } {
  const made = context(options);
  const seg = buildSeg(given.analysis, made);
  const sr = readHeader(buildSr(given.analysis, seg, made).bytes).dataset;
  return { sr, seg: seg && readHeader(seg.bytes).dataset };
}

const refusal = (given: Source): Refusal => ({
  summary: given.analysis.series.summary,
  source: given.analysis.source,
  slices: given.analysis.series.slices,
  outcome: 'Not Attempted',
  code: 'RAUNET_NOT_CHEST',
  sentence: 'No lung was found in the images.',
});

const blank = () => source({ mask: Array.from({ length: 12 }, () => new Uint8Array(40 * 48)) });
const children = (item: DataSet): DataSet[] => item.items('ContentSequence');
const all = (item: DataSet): DataSet[] => [item, ...children(item).flatMap(all)];
const meaning = (item: DataSet, sequence = 'ConceptNameCodeSequence'): string | null =>
  item.item(sequence)?.string('CodeMeaning') ?? null;
const named = (item: DataSet, name: string): DataSet[] =>
  children(item).filter((child) => meaning(child) === name);
const one = (item: DataSet, ...path: string[]): DataSet =>
  path.reduce((at, name) => {
    const [found] = named(at, name);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  }, item);
const groups = (sr: DataSet): DataSet[] => named(one(sr, 'Imaging Measurements'), 'Measurement Group');
const number = (item: DataSet): number | null => item.item('MeasuredValueSequence')!.number('NumericValue');
const text = (item: DataSet): string | null => item.verbatim('TextValue');

const EVERY_REPORT: [string, () => DataSet][] = [
  ['of findings', () => report(source()).sr],
  ['with key regions', () => report(source(), { srKeyRegions: true }).sr],
  ['of an Enhanced CT', () => report(source({ enhanced: true }), { srKeyRegions: true }).sr],
  ['of nothing', () => report(blank()).sr],
  ['of a refusal', () => readHeader(buildRefusalSr(refusal(source()), context()).bytes).dataset],
];

describe.each(EVERY_REPORT)('a report %s', (_, make) => {
  const sr = make();

  test('names the concept of every content item', () => {
    for (const item of all(sr)) expect(meaning(item)).toBeTruthy();
  });

  test('has no empty container, and no item but the root without a relationship', () => {
    for (const item of all(sr)) {
      if (item.string('ValueType') === 'CONTAINER') expect(children(item).length).toBeGreaterThan(0);
      expect(item.has('RelationshipType')).toBe(item !== sr);
    }
  });

  test('gives every number a unit, a child and at most 16 characters', () => {
    for (const item of all(sr).filter((each) => each.string('ValueType') === 'NUM')) {
      const value = item.item('MeasuredValueSequence')!;
      expect(value.string('NumericValue')!.length).toBeLessThanOrEqual(16);
      expect(meaning(value, 'MeasurementUnitsCodeSequence')).toBeTruthy();
      expect(children(item).length).toBeGreaterThan(0);
    }
  });

  test('keeps codes within their lengths', () => {
    for (const item of all(sr))
      for (const sequence of ['ConceptNameCodeSequence', 'ConceptCodeSequence']) {
        const code = item.item(sequence);
        if (code === null) continue;
        expect(code.string('CodeValue')!.length).toBeLessThanOrEqual(16);
        expect(code.string('CodeMeaning')!.length).toBeLessThanOrEqual(64);
      }
  });

  test('says in its comments that it is not for sole diagnosis', () => {
    const comments = named(one(sr, 'Qualitative Evaluations'), 'Comment').map(text);
    expect(comments.join(' ')).toContain('not reviewed by a physician; not for sole diagnosis');
  });

  test('lists every image that it refers to as evidence', () => {
    const evidence = sr
      .items('CurrentRequestedProcedureEvidenceSequence')
      .flatMap((study) => study.items('ReferencedSeriesSequence'))
      .flatMap((series) => series.items('ReferencedSOPSequence'))
      .map((item) => item.string('ReferencedSOPInstanceUID'));
    const referenced = all(sr).flatMap((item) =>
      item.items('ReferencedSOPSequence').map((each) => each.string('ReferencedSOPInstanceUID')),
    );
    expect(new Set(evidence)).toEqual(new Set(referenced));
    expect(new Set(evidence).size).toBe(evidence.length);
  });
});

describe('a measurement group', () => {
  test('refers to the segment that has its tracking identifier and UID', () => {
    const { sr, seg } = report(source());
    const segments = seg!.items('SegmentSequence');
    const referring = groups(sr).filter((group) => named(group, 'Referenced Segment').length > 0);
    expect(referring).toHaveLength(3);
    for (const [i, group] of referring.entries()) {
      const image = one(group, 'Referenced Segment').item('ReferencedSOPSequence')!;
      expect(image.string('ReferencedSOPInstanceUID')).toBe(seg!.string('SOPInstanceUID'));
      expect(image.number('ReferencedSegmentNumber')).toBe(i + 1);
      expect(text(one(group, 'Tracking Identifier'))).toBe(segments[i]!.string('TrackingID'));
      expect(one(group, 'Tracking Unique Identifier').string('UID')).toBe(segments[i]!.string('TrackingUID'));
    }
  });

  test('says the volume in all and of each side, the share of the lung, and the mean attenuation', () => {
    const given = source();
    const [ggo] = groups(report(given).sr);
    const measured = given.analysis.measurements.classes[0];
    const volumes = named(ggo!, 'Volume');
    expect(volumes.map(number)).toEqual(
      [measured.volumeMl, measured.sideMl!.right, measured.sideMl!.left].map((ml) => Number(ml.toFixed(3))),
    );
    const sides = volumes
      .slice(1)
      .map((item) => meaning(one(item, 'Finding Site', 'Laterality'), 'ConceptCodeSequence'));
    expect(sides).toEqual(['Right', 'Left']);
    expect(number(one(ggo!, 'Percentage of lung volume'))).toBeCloseTo(measured.percentOfLung!, 2);
    expect(number(one(ggo!, 'Attenuation Coefficient'))).toBe(-612.3);
  });

  test('of something found is never 0, however small', () => {
    const mask = Array.from({ length: 12 }, () => new Uint8Array(40 * 48));
    mask[3]![100] = 2;
    const given = source({ mask, pixelSpacing: ['0.1', '0.1'] });
    const { sr } = report(given, { srKeyRegions: true });
    const [, consolidation] = groups(sr);
    const [{ percentOfLung }] = given.analysis.measurements.classes.slice(1) as [ClassMeasurement];
    expect(number(one(consolidation!, 'Volume'))).toBeCloseTo(0.000025, 9);
    expect(number(one(consolidation!, 'Percentage of lung volume'))).toBeCloseTo(percentOfLung!, 9);
    expect(number(one(groups(sr).at(-1)!, 'Area'))).toBeCloseTo(0.01, 9);
  });

  test('says how much of a lung is affected, however little', () => {
    const given = source();
    const { lungs } = given.analysis.measurements;
    const right = { ...lungs!.right, affectedPercent: 0.0042 };
    const measurements = { ...given.analysis.measurements, lungs: { ...lungs!, right } };
    const { sr } = report({ ...given, analysis: { ...given.analysis, measurements } });
    const group = groups(sr).find((each) => text(one(each, 'Tracking Identifier')) === 'Right lung');
    const affected = 'Affected lung volume (GGO or consolidation), percentage';
    expect(number(one(group!, affected))).toBe(0.0042);
  });

  test('stands for each class that is absent, with volume 0 and without a segment', () => {
    const mask = Array.from({ length: 12 }, () => new Uint8Array(40 * 48));
    mask[3]!.fill(3, 50, 60);
    const [ggo, consolidation, effusion] = groups(report(source({ mask })).sr);
    for (const group of [ggo!, consolidation!]) {
      expect(number(one(group, 'Volume'))).toBe(0);
      expect(named(group, 'Referenced Segment')).toEqual([]);
    }
    expect(meaning(one(ggo!, 'Ground glass opacity'), 'ConceptCodeSequence')).toBe('Absent');
    expect(named(effusion!, 'Referenced Segment')).toHaveLength(1);
  });

  test('of the lungs is left out with the reason where no lung mask can be trusted', () => {
    const given = source();
    const reason = 'consolidation touches the rib cage.';
    const measurements = {
      ...given.analysis.measurements,
      lungs: null,
      lungGateReason: reason,
      classes: given.analysis.measurements.classes.map((each) => ({ ...each, percentOfLung: null })) as never,
    };
    const { sr } = report({ ...given, analysis: { ...given.analysis, measurements } });
    expect(groups(sr)).toHaveLength(3);
    const names = all(sr).map((item) => meaning(item));
    expect(names.filter((name) => /percentage|score/i.test(name!))).toEqual([]);
    expect(named(one(sr, 'Qualitative Evaluations'), 'Comment').map(text).join(' ')).toContain(reason);
  });
});

describe('a key region', () => {
  test('is a closed outline in pixels on the slice that has most of the class', () => {
    const given = source();
    const { sr } = report(given, { srKeyRegions: true });
    const group = groups(sr).find(
      (each) => text(one(each, 'Tracking Identifier')) === 'Consolidation, key image',
    );
    const region = one(group!, 'Image Region');
    const points = region.numbers('GraphicData');
    expect(region.string('GraphicType')).toBe('POLYLINE');
    expect(points.slice(0, 2)).toEqual(points.slice(-2));
    const [image] = children(region);
    const uid = image!.item('ReferencedSOPSequence')!.string('ReferencedSOPInstanceUID');
    const k = given.analysis.series.slices.findIndex((slice) => slice.sopInstanceUid === uid);
    const pixels = given.analysis.mask.map((labels) => labels.filter((label) => label === 2).length);
    expect(pixels[k]).toBe(Math.max(...pixels));
  });
});

describe('the root', () => {
  test('of nothing found says Succeeded and Absent', () => {
    const { sr } = report(blank());
    const evaluations = one(sr, 'Qualitative Evaluations');
    expect(meaning(one(evaluations, 'Analysis Performed'), 'ConceptCodeSequence')).toBe('Succeeded');
    expect(meaning(one(evaluations, 'Finding'), 'ConceptCodeSequence')).toBe('Absent');
  });

  test('of a refusal says so, with code and sentence, and measures nothing', () => {
    const sr = readHeader(buildRefusalSr(refusal(source()), context()).bytes).dataset;
    const evaluations = one(sr, 'Qualitative Evaluations');
    expect(meaning(one(evaluations, 'Analysis Performed'), 'ConceptCodeSequence')).toBe('Not Attempted');
    expect(text(one(evaluations, 'Reason for no analysis'))).toBe('RAUNET_NOT_CHEST');
    expect(text(one(evaluations, 'Comment'))).toBe('No lung was found in the images.');
    expect(named(sr, 'Imaging Measurements')).toEqual([]);
  });

  test('repeats every warning in a comment', () => {
    const given = source();
    const comments = named(one(report(given).sr, 'Qualitative Evaluations'), 'Comment').map(text);
    expect(comments).toEqual(expect.arrayContaining(given.analysis.warnings.map(({ sentence }) => sentence)));
  });

  test('repeats what was odd at the receiving, also where nothing was analysed', () => {
    const sentence = 'Images left out: 2 SOP Instance UIDs came with other bytes.';
    const made = { ...context(), remarks: [{ code: 'CONFLICTING_INSTANCE' as const, sentence }] };
    const given = source();
    for (const { bytes } of [buildSr(given.analysis, null, made), buildRefusalSr(refusal(given), made)]) {
      const evaluations = one(readHeader(bytes).dataset, 'Qualitative Evaluations');
      expect(named(evaluations, 'Comment').map(text)).toContain(sentence);
    }
  });

  test('names the document that it supersedes', () => {
    const given = source();
    const predecessor = {
      seriesUid: '2.25.7',
      sopClassUid: '1.2.840.10008.5.1.4.1.1.88.33',
      sopInstanceUid: '2.25.8',
    };
    const { bytes } = buildSr(given.analysis, null, { ...context(), predecessor });
    const [study] = readHeader(bytes).dataset.items('PredecessorDocumentsSequence');
    const [series] = study!.items('ReferencedSeriesSequence');
    expect(series!.string('SeriesInstanceUID')).toBe('2.25.7');
    expect(series!.item('ReferencedSOPSequence')!.string('ReferencedSOPInstanceUID')).toBe('2.25.8');
    expect(report(given).sr.has('PredecessorDocumentsSequence')).toBe(false);
  });
});
