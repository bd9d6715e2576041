import { configSchema } from '../../../src/config/schema';
import { type Candidate, select } from '../../../src/series/select';
import type { SeriesSummary } from '../../../src/series/types';
import { ctSlice, ctSummary, vector } from '../../fixtures/ct';

const config = (series: unknown) => configSchema.parse({ series }).series;
const candidate = (changes: Partial<SeriesSummary> = {}, slices = 300): Candidate => ({
  summary: ctSummary(changes),
  sample: ctSlice(0),
  slices,
});
const soft = candidate({ seriesUid: '1.1', kernel: 'B30f', thicknessMm: 1 });

describe('rules', () => {
  const rules = (...all: unknown[]) => config({ rules: all, perStudy: 'all' });
  test('without rules every axial CT with enough slices is taken', () => {
    expect(select(soft, [], config({}))).toEqual({
      take: true,
      reason: 'No selection rule: every axial chest CT is taken.',
    });
    expect(select(candidate({}, 2), [], config({}))).toEqual({
      take: false,
      reason: '2 slices, fewer than series.minSlices 3.',
    });
  });
  test('the first rule that fits decides, and is named', () => {
    const two = rules({ name: 'scouts', description: 'scout', take: false }, { name: 'rest' });
    expect(select(candidate({ description: 'Scout' }), [], two)).toEqual({
      take: false,
      reason: 'Rule "scouts" leaves out the series.',
    });
    expect(select(soft, [], two)).toEqual({ take: true, reason: 'Rule "rest" takes the series.' });
  });
  test('rules of which none fits leave a series out', () =>
    expect(select(soft, [], rules({ name: 'other', calledAe: 'OTHER' }))).toEqual({
      take: false,
      reason: 'No rule of series.rules fits.',
    }));
  test.each<[string, object, Partial<SeriesSummary>, number, boolean]>([
    ['called AE', { calledAe: 'LUNGS' }, { calledAe: 'LUNGS' }, 300, true],
    ['other called AE', { calledAe: 'LUNGS' }, { calledAe: 'RAUNET' }, 300, false],
    ['calling AE', { callingAe: 'CT1' }, { callingAe: 'CT1' }, 300, true],
    ['other calling AE', { callingAe: 'CT1' }, { callingAe: 'CT2' }, 300, false],
    [
      'description, any case',
      { description: '^thorax.*lunge' },
      { description: 'Thorax 1.0 LUNGE' },
      300,
      true,
    ],
    ['other description', { description: 'lunge' }, { description: null }, 300, false],
    ['kernel', { kernel: '^B[67]' }, { kernel: 'B70f' }, 300, true],
    ['other kernel', { kernel: '^B[67]' }, { kernel: 'B30f' }, 300, false],
    ['thickness', { thicknessMm: { max: 2 } }, { thicknessMm: 2 }, 300, true],
    ['other thickness', { thicknessMm: { max: 2 } }, { thicknessMm: 5 }, 300, false],
    ['unknown thickness', { thicknessMm: { max: 2 } }, { thicknessMm: null }, 300, false],
    ['modality', { modality: 'CT' }, { modality: 'CT' }, 300, true],
    ['other modality', { modality: 'CT' }, { modality: 'PT' }, 300, false],
    ['orientation', { orientation: 'axial' }, {}, 300, true],
    ['other orientation', { orientation: 'coronal' }, {}, 300, false],
    ['slices', { minSlices: 40 }, {}, 40, true],
    ['fewer slices', { minSlices: 40 }, {}, 39, false],
    ['one of two conditions', { kernel: 'B30', minSlices: 40 }, {}, 39, false],
  ])('%s', (_, conditions, summary, slices, take) =>
    expect(select(candidate(summary, slices), [], rules({ name: 'r', ...conditions })).take).toBe(take),
  );
});

describe('several reconstructions of one study', () => {
  const lung = candidate({ seriesUid: '1.2', kernel: 'B70f', thicknessMm: 1 });
  const thickLung = candidate({ seriesUid: '1.3', kernel: 'B70f', thicknessMm: 5 });
  const one = config({});
  test.each<[string, Candidate, Candidate, string]>([
    ['thin goes before thick', soft, thickLung, 'thinner slices'],
    ['sharp-lung before soft of like thickness', lung, soft, 'sharp lung kernel'],
    [
      'known thickness before unknown',
      soft,
      candidate({ seriesUid: '1.4', thicknessMm: null }),
      'thinner slices',
    ],
    [
      'more slices before fewer',
      soft,
      candidate({ seriesUid: '1.0', kernel: 'B31f', thicknessMm: 1 }, 200),
      'more slices',
    ],
    [
      'lower UID where alike',
      soft,
      candidate({ seriesUid: '1.9', kernel: 'B31f', thicknessMm: 1 }),
      'lower series UID',
    ],
  ])('%s, from both sides, with the reason', (_, better, worse, reason) => {
    expect(select(better, [worse, better], one)).toEqual({
      take: true,
      reason: expect.stringContaining(reason),
    });
    expect(select(worse, [better], one)).toEqual({ take: false, reason: expect.stringContaining(reason) });
    expect(select(worse, [better], one).reason).toContain(better.summary.seriesUid);
  });
  test.each<[string, Candidate]>([
    ['a coronal reformat', { ...lung, sample: ctSlice(0, { orientation: vector(1, 0, 0, 0, 0, -1) }) }],
    ['a localizer', { ...lung, sample: ctSlice(0, { imageType: ['ORIGINAL', 'PRIMARY', 'LOCALIZER'] }) }],
    ['a MIP', { ...lung, sample: ctSlice(0, { imageType: ['DERIVED', 'SECONDARY', 'MIP'] }) }],
  ])('%s never goes before an axial scan, however thin', (_, other) => {
    expect(select(thickLung, [other], one).take).toBe(true);
    expect(select(other, [thickLung], one)).toEqual({
      take: false,
      reason: expect.stringContaining('axial CT'),
    });
  });
  test('a series that the rules leave out is no rival', () => {
    const rules = config({ rules: [{ name: 'no-lung', kernel: 'B70', take: false }, { name: 'rest' }] });
    expect(select(soft, [lung], rules).take).toBe(true);
  });
  test('perStudy all takes every one', () =>
    expect(select(thickLung, [soft, lung], config({ perStudy: 'all' })).take).toBe(true));
});
