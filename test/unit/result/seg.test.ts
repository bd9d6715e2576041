import fc from 'fast-check';
import { readHeader } from '../../../src/dicom/read';
import type { DataSet } from '../../../src/dicom/data-set';
import { cieLab } from '../../../src/result/common/cielab';
import { type Frame, framesOf, packFrames } from '../../../src/result/seg/frames';
import { buildSeg } from '../../../src/result/seg/seg';
import { codes, context, type Source, source } from '../../fixtures/result-source';

const seg = (given: Source, options = {}): DataSet =>
  readHeader(buildSeg(given.analysis, context(options))!.bytes).dataset;
const frameGroups = (dataset: DataSet) => dataset.items('PerFrameFunctionalGroupsSequence');

describe('frames', () => {
  test('bits of all frames follow each other without padding, the first pixel in the lowest bit', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }).chain((pixels) =>
          fc.array(fc.uint8Array({ minLength: pixels, maxLength: pixels, max: 3 }), {
            minLength: 1,
            maxLength: 5,
          }),
        ),
        (mask) => {
          const pixels = mask[0]!.length;
          const frames = framesOf(mask, true);
          const packed = packFrames(mask, frames, pixels);
          const bit = (i: number) => (packed[Math.floor(i / 8)]! >> (i % 8)) & 1;
          expect(packed.length).toBe(2 * Math.ceil((frames.length * pixels) / 16));
          for (const [f, { classIndex, slice }] of frames.entries())
            for (let i = 0; i < pixels; i++)
              expect(bit(f * pixels + i)).toBe(Number(mask[slice]![i] === classIndex));
          for (let i = frames.length * pixels; i < packed.length * 8; i++) expect(bit(i)).toBe(0);
        },
      ),
    );
  });

  test('beyond 2^31 bits keep their pixels', () => {
    const pixels = 1024 * 1024;
    const labels = new Uint8Array(pixels);
    labels[11] = 1;
    // The frames before the last are holes: they take no time, and their zeros no memory.
    const frames: Frame[] = [];
    frames[2048] = { classIndex: 1, slice: 0 };
    const packed = packFrames([labels], frames, pixels);
    expect(packed[2 ** 28 + 1]).toBe(1 << 3);
  });

  test('are sorted by segment and then by position, empty ones left out', () => {
    const dataset = seg(source());
    const order = frameGroups(dataset).map((groups) => ({
      segment: groups.item('SegmentIdentificationSequence')!.number('ReferencedSegmentNumber')!,
      z: groups.item('PlanePositionSequence')!.numbers('ImagePositionPatient')[2]!,
    }));
    const sorted = [...order].sort((a, b) => a.segment - b.segment || a.z - b.z);
    expect(order).toEqual(sorted);
    // Slices 2..8 and one corner for GGO and consolidation, one corner for effusion.
    expect([1, 2, 3].map((n) => order.filter(({ segment }) => segment === n).length)).toEqual([8, 8, 1]);
    expect(dataset.number('NumberOfFrames')).toBe(17);
  });

  test('dimension indices name the segment and the rank of the position, without gaps', () => {
    const indices = frameGroups(seg(source())).map((groups) =>
      groups.item('FrameContentSequence')!.numbers('DimensionIndexValues'),
    );
    const ranks = [...new Set(indices.map(([, rank]) => rank!))].sort((a, b) => a - b);
    expect(ranks).toEqual(ranks.map((_, i) => i + 1));
    expect(indices.map(([segment]) => segment)).toEqual([...Array(8).fill(1), ...Array(8).fill(2), 3]);
  });

  test('with segKeepEmptyFrames every class has every slice', () => {
    expect(seg(source(), { segKeepEmptyFrames: true }).number('NumberOfFrames')).toBe(36);
  });
});

describe('nothing found', () => {
  const nothing = () => source({ mask: Array.from({ length: 12 }, () => new Uint8Array(40 * 48)) });

  test('makes no SEG', () => {
    expect(buildSeg(nothing().analysis, context())).toBeNull();
    expect(buildSeg(nothing().analysis, context({ segKeepEmptyFrames: true }))).toBeNull();
  });

  test('makes one blank frame for each segment where the configuration wants it', () => {
    const dataset = seg(nothing(), { segWhenEmpty: 'blank' });
    expect(dataset.number('NumberOfFrames')).toBe(3);
    expect(dataset.items('SegmentSequence')).toHaveLength(3);
  });
});

describe('geometry', () => {
  test('positions, orientation and spacing have the very strings of the source', () => {
    const given = source({
      position: (k) => ['-1.250000000E+02', '-124.511719', `${(2.5 * k).toFixed(8)}`],
      pixelSpacing: ['0.70000', '0.9765625'],
      orientation: ['1.000000', '-0.000000', '0', '0', '1.0', '0'],
    });
    const dataset = seg(given);
    const positions = given.analysis.series.slices.map((slice) => slice.position!.strings);
    for (const groups of frameGroups(dataset))
      expect(positions).toContainEqual(groups.item('PlanePositionSequence')!.strings('ImagePositionPatient'));
    const shared = dataset.item('SharedFunctionalGroupsSequence')!;
    const orientation = shared.item('PlaneOrientationSequence')!.strings('ImageOrientationPatient');
    expect(orientation).toEqual(['1.000000', '-0.000000', '0', '0', '1.0', '0']);
    const measures = shared.item('PixelMeasuresSequence')!;
    expect(measures.strings('PixelSpacing')).toEqual(['0.70000', '0.9765625']);
    expect(measures.number('SpacingBetweenSlices')).toBe(2.5);
    expect(measures.number('SliceThickness')).toBe(2.5);
  });

  test('orientation strings that differ between slices stand in each frame', () => {
    const given = source();
    const slices = given.analysis.series.slices.map((slice, k) => ({
      ...slice,
      orientation: { ...slice.orientation!, strings: ['1', '0', '0', '0', k % 2 ? '1.0' : '1', '0'] },
    }));
    const series = { ...given.analysis.series, slices };
    const dataset = seg({ ...given, analysis: { ...given.analysis, series } });
    expect(dataset.item('SharedFunctionalGroupsSequence')!.has('PlaneOrientationSequence')).toBe(false);
    const strings = frameGroups(dataset).map(
      (groups) => groups.item('PlaneOrientationSequence')!.strings('ImageOrientationPatient')[4],
    );
    expect(new Set(strings)).toEqual(new Set(['1', '1.0']));
  });
});

describe('references', () => {
  test('name every source instance once, and each frame the slice it lies on', () => {
    const given = source();
    const dataset = seg(given);
    const [series] = dataset.items('ReferencedSeriesSequence');
    const uids = given.analysis.series.slices.map((slice) => slice.sopInstanceUid);
    expect(series!.string('SeriesInstanceUID')).toBe(given.analysis.series.summary.seriesUid);
    expect(referenced(series!)).toEqual(uids);
    for (const groups of frameGroups(dataset)) {
      const image = groups.item('DerivationImageSequence')!.item('SourceImageSequence')!;
      const at = uids.indexOf(image.string('ReferencedSOPInstanceUID')!);
      expect(given.analysis.series.slices[at]!.position!.strings).toEqual(
        groups.item('PlanePositionSequence')!.strings('ImagePositionPatient'),
      );
      expect(image.string('SpatialLocationsPreserved')).toBe('YES');
      expect(image.has('ReferencedFrameNumber')).toBe(false);
    }
  });

  test('of an Enhanced CT name the instance once and the frame of each slice', () => {
    const dataset = seg(source({ enhanced: true }));
    expect(referenced(dataset.item('ReferencedSeriesSequence')!)).toHaveLength(1);
    const frames = frameGroups(dataset).map((groups) =>
      groups.item('DerivationImageSequence')!.item('SourceImageSequence')!.number('ReferencedFrameNumber'),
    );
    expect(frames.at(-1)).toBe(12);
    expect(frames[0]).toBe(2);
  });
});

test('loss of the source is carried with its ratio and method', () => {
  const lossy = {
    LossyImageCompression: '01',
    LossyImageCompressionRatio: '10.5',
    LossyImageCompressionMethod: 'ISO_10918_1',
  };
  const dataset = seg(source({ dataset: lossy }));
  expect(dataset.string('LossyImageCompression')).toBe('01');
  expect(dataset.string('LossyImageCompressionRatio')).toBe('10.5');
  expect(dataset.string('LossyImageCompressionMethod')).toBe('ISO_10918_1');
  expect(seg(source()).string('LossyImageCompression')).toBe('00');
});

test('colours are those of the standard viewer, as CIELab under D50', () => {
  expect(codes.classes.map(({ colour }) => cieLab(colour))).toEqual([
    [37753, 21404, 36035],
    [58687, 30716, 52165],
    [29691, 30619, 22029],
  ]);
});

const referenced = (series: DataSet): (string | null)[] =>
  series.items('ReferencedInstanceSequence').map((item) => item.string('ReferencedSOPInstanceUID'));
