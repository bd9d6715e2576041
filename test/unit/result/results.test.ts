import type { DataSet } from '../../../src/dicom/data-set';
import { readHeader } from '../../../src/dicom/read';
import { isUid } from '../../../src/lib/uid';
import { buildRefusalResults, buildResults } from '../../../src/result/results';
import type { ResultContext } from '../../../src/result/types';
import { context, source } from '../../fixtures/result-source';

const uidsOf = (made: ResultContext, given = source()): string[] =>
  buildResults(given.analysis, made).flatMap(({ seriesUid, sopInstanceUid }) => [seriesUid, sopInstanceUid]);

const withProducer = (change: Partial<ResultContext['producer']>): ResultContext => {
  const made = context();
  return { ...made, producer: { ...made.producer, ...change } };
};

test('the same analysis and context make the same bytes', () => {
  const made = context({ srKeyRegions: true, overlays: true, segDeflated: true });
  const [a, b] = [buildResults(source().analysis, made), buildResults(source().analysis, made)];
  expect(a.length).toBeGreaterThan(3);
  for (const [i, { bytes, ...rest }] of a.entries()) {
    const { bytes: others, ...othersRest } = b[i]!;
    expect(rest).toEqual(othersRest);
    expect(bytes.equals(others)).toBe(true);
  }
});

test('SEG, then SR, then summary, each in a series of its own, every UID valid', () => {
  const made = buildResults(source().analysis, context());
  expect(made.map(({ kind }) => kind)).toEqual(['SEG', 'SR', 'SC']);
  expect(new Set(made.map(({ seriesUid }) => seriesUid)).size).toBe(3);
  for (const uid of uidsOf(context())) expect(isUid(uid)).toBe(true);
});

test('another model, service version or configuration makes other series and instances', () => {
  const variants = [
    context(),
    withProducer({ model: { ...context().producer.model, sha256: 'ef'.repeat(32) } }),
    withProducer({ serviceVersion: '0.2.0' }),
    withProducer({ configHash: '01'.repeat(32) }),
  ];
  const all = variants.flatMap((made) => uidsOf(made));
  expect(new Set(all).size).toBe(all.length);
});

test('one more source instance makes other series and instances', () => {
  const all = [...uidsOf(context()), ...uidsOf(context(), source({ slices: 13 }))];
  expect(new Set(all).size).toBe(all.length);
});

test('tracking UIDs stay over models and revisions of one series', () => {
  const tracking = (made: ResultContext, slices: number) =>
    readHeader(buildResults(source({ slices }).analysis, made)[0]!.bytes)
      .dataset.items('SegmentSequence')
      .map((segment) => segment.string('TrackingUID'));
  const newer = withProducer({ model: { name: 'raunet-w32', version: '2.0.0', sha256: 'ef'.repeat(32) } });
  expect(tracking(newer, 13)).toEqual(tracking(context(), 12));
  expect(new Set(tracking(context(), 12)).size).toBe(3);
});

test('every object has patient and study of the source, empty where the source has none', () => {
  const given = source({ dataset: { PatientBirthDate: undefined, StudyID: undefined } });
  for (const { bytes } of buildResults(given.analysis, context({ overlays: true }))) {
    const { dataset } = readHeader(bytes);
    expect(dataset.string('PatientName')).toBe('Test^Patient');
    expect(dataset.string('IssuerOfPatientID')).toBe('HOSPITAL');
    expect(dataset.string('StudyInstanceUID')).toBe(given.analysis.series.summary.studyUid);
    expect(dataset.string('StudyTime')).toBe('103112.123');
    for (const keyword of ['PatientBirthDate', 'StudyID'])
      expect([dataset.has(keyword), dataset.string(keyword)]).toEqual([true, null]);
    expect(dataset.has('Laterality')).toBe(false);
  }
});

test('times are those of the handed-in clock, in the time zone of the source', () => {
  const given = source({ dataset: { TimezoneOffsetFromUTC: '-0530' } });
  for (const { bytes } of buildResults(given.analysis, context())) {
    const { dataset } = readHeader(bytes);
    // 18:05:07 UTC
    expect(dataset.string('ContentDate')).toBe('20261123');
    expect(dataset.string('ContentTime')).toBe('123507');
    expect(dataset.string('TimezoneOffsetFromUTC')).toBe('-0530');
    expect(contribution(dataset)).toBe('20261123123507-0530');
  }
});

test('without a zone in the source they are those of the process, which claims nothing of the copied study time', () => {
  const zone = jest.spyOn(Date.prototype, 'getTimezoneOffset').mockReturnValue(-330);
  const made = buildResults(source().analysis, context());
  zone.mockRestore();
  for (const { bytes } of made) {
    const { dataset } = readHeader(bytes);
    expect([dataset.string('ContentDate'), dataset.string('ContentTime')]).toEqual(['20261123', '233507']);
    expect([dataset.string('SeriesDate'), dataset.string('SeriesTime')]).toEqual(['20261123', '233507']);
    expect(dataset.has('TimezoneOffsetFromUTC')).toBe(false);
    expect(contribution(dataset)).toBe('20261123233507+0530');
  }
});

/** PS3.5 Table 6.2-1, DT: with its offset, whatever else the object says. */
const contribution = (dataset: DataSet): string | null =>
  dataset.item('ContributingEquipmentSequence')!.string('ContributionDateTime');

test('a series description names the source and has at most 64 characters', () => {
  const given = source({ dataset: { SeriesDescription: 'ä'.repeat(64) } });
  for (const { bytes } of buildResults(given.analysis, context())) {
    const description = readHeader(bytes).dataset.string('SeriesDescription')!;
    expect(description).toMatch(/^AI \w+ 2026-11-2\d \d\d:\d\d of 3: ä+$/);
    expect(Array.from(description)).toHaveLength(64);
  }
});

test('the overlays of one analysis are one series', () => {
  const made = buildResults(source().analysis, context({ summary: false, overlays: true }));
  const overlays = made.filter(({ kind }) => kind === 'SC');
  expect(overlays.length).toBeGreaterThan(1);
  expect(new Set(overlays.map(({ seriesUid }) => seriesUid)).size).toBe(1);
});

/** (0028,135A) of every source image that a picture names. */
const preserved = (bytes: Buffer): (string | null)[] =>
  readHeader(bytes)
    .dataset.items('SourceImageSequence')
    .map((item) => item.string('SpatialLocationsPreserved'));

test('an overlay lies on the pixels of its source, the summary page on those of none', () => {
  const [page, ...overlays] = buildResults(source().analysis, context({ overlays: true })).filter(
    ({ kind }) => kind === 'SC',
  );
  expect(preserved(page!.bytes)).toEqual(Array(12).fill('NO'));
  expect(overlays.length).toBeGreaterThan(0);
  for (const { bytes } of overlays) expect(preserved(bytes)).toEqual(['YES']);
});

describe('a refusal', () => {
  const given = source();
  const refusal = {
    summary: given.analysis.series.summary,
    source: given.analysis.source,
    slices: given.analysis.series.slices,
    outcome: 'Failed' as const,
    code: 'RAUNET_INFERENCE',
    sentence: 'The inference process failed.',
  };

  test('makes a report and a page, or nothing where the configuration does not want it', () => {
    expect(buildRefusalResults(refusal, context()).map(({ kind }) => kind)).toEqual(['SR', 'SC']);
    expect(buildRefusalResults(refusal, context({ reportRefusals: false }))).toEqual([]);
  });

  test('has a page that lies on the pixels of no source', () => {
    const [, page] = buildRefusalResults(refusal, context());
    expect(preserved(page!.bytes)).toEqual(Array(12).fill('NO'));
  });

  test('for another reason, and the success after it, are other documents', () => {
    const other = { ...refusal, code: 'RAUNET_CORRUPT_PIXELS' };
    const reports = [
      ...buildRefusalResults(refusal, context()),
      ...buildRefusalResults(other, context()),
      ...buildResults(given.analysis, context()),
    ].map(({ sopInstanceUid }) => sopInstanceUid);
    expect(new Set(reports).size).toBe(reports.length);
  });

  // PS3.3 C.7.3.1: what a viewer lists as one series, with one date and description, and pages through as one.
  test('for another reason, and the success after it, are other series; the same again is the same', () => {
    const other = { ...refusal, code: 'RAUNET_CORRUPT_PIXELS' };
    const later = { ...context(), createdAt: new Date('2026-11-24T09:30:00Z') };
    const seriesOf = (made: { seriesUid: string }[]) => made.map(({ seriesUid }) => seriesUid);
    const first = seriesOf(buildRefusalResults(refusal, context()));
    const series = [
      ...first,
      ...seriesOf(buildRefusalResults(other, later)),
      ...seriesOf(buildResults(given.analysis, later)),
    ];
    expect(new Set(series).size).toBe(series.length);
    expect(seriesOf(buildRefusalResults(refusal, later))).toEqual(first);
  });

  test('without a single readable slice is still a report', () => {
    const [sr] = buildRefusalResults({ ...refusal, slices: [] }, context());
    expect(readHeader(sr!.bytes).dataset.has('CurrentRequestedProcedureEvidenceSequence')).toBe(false);
  });
});
