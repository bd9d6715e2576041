import type { Config, SelectionRule } from '../config/schema';
import { isAxialCt } from './candidates';
import { orientationOf } from './geometry';
import { isSharpKernel } from './kernels';
import { isProjection } from './remarks';
import type { SeriesSummary, Slice } from './types';

/** A series as the choice sees it. */
export interface Candidate {
  summary: SeriesSummary;
  /** An image from the middle, where no localizer stands. */
  sample: Slice;
  slices: number;
}

export interface Choice {
  take: boolean;
  /** One sentence for log, history and API. */
  reason: string;
}

/**
 * Whether a series is analysed: by the first rule of series.rules that fits, then, with `perStudy: one`, only where no
 * other series of the study that the rules take is preferred. `others`: those received so far.
 */
export function select(candidate: Candidate, others: readonly Candidate[], config: Config['series']): Choice {
  const ruled = byRules(candidate, config);
  if (!ruled.take || config.perStudy === 'all') return ruled;
  const [best] = others
    .filter((other) => other.summary.seriesUid !== candidate.summary.seriesUid)
    .filter((other) => byRules(other, config).take)
    .sort(preference);
  if (best === undefined) return ruled;
  const difference = advantage(candidate, best);
  return preference(candidate, best) < 0
    ? { take: true, reason: `${ruled.reason} Preferred to series ${best.summary.seriesUid}: ${difference}.` }
    : {
        take: false,
        reason: `Series ${best.summary.seriesUid} of the same study is preferred: ${difference} (series.perStudy: one).`,
      };
}

function byRules(candidate: Candidate, { rules, minSlices }: Config['series']): Choice {
  if (candidate.slices < minSlices)
    return { take: false, reason: `${candidate.slices} slices, fewer than series.minSlices ${minSlices}.` };
  if (rules.length === 0) return { take: true, reason: 'No selection rule: every axial chest CT is taken.' };
  const rule = rules.find((each) => fits(each, candidate));
  if (rule === undefined) return { take: false, reason: 'No rule of series.rules fits.' };
  return { take: rule.take, reason: `Rule "${rule.name}" ${rule.take ? 'takes' : 'leaves out'} the series.` };
}

function fits(rule: SelectionRule, { summary, sample, slices }: Candidate): boolean {
  const { calledAe, callingAe, modality, orientation, description, kernel, thicknessMm, minSlices } = rule;
  const matches = (pattern: string | undefined, text: string | null): boolean =>
    pattern === undefined || new RegExp(pattern, 'i').test(text ?? '');
  return (
    (calledAe === undefined || calledAe === summary.calledAe) &&
    (callingAe === undefined || callingAe === summary.callingAe) &&
    (modality === undefined || modality === summary.modality) &&
    (orientation === undefined || orientation === orientationOf(sample)) &&
    matches(description, summary.description) &&
    matches(kernel, summary.kernel) &&
    (thicknessMm === undefined ||
      (summary.thicknessMm !== null &&
        summary.thicknessMm >= thicknessMm.min &&
        summary.thicknessMm <= thicknessMm.max)) &&
    (minSlices === undefined || slices >= minSlices)
  );
}

/** Upper ends of the thickness classes, mm: within one, the kernel decides. */
const THICKNESS_CLASSES_MM = [1.5, 3, 5, Number.POSITIVE_INFINITY];

const thicknessClass = ({ summary }: Candidate): number =>
  summary.thicknessMm === null
    ? THICKNESS_CLASSES_MM.length
    : THICKNESS_CLASSES_MM.findIndex((upTo) => (summary.thicknessMm as number) <= upTo);

/** In order of weight; the smaller value is preferred. */
const CRITERIA: readonly [name: string, value: (candidate: Candidate) => number][] = [
  ['axial CT', ({ sample, summary }) => (isAxialCt(sample) && !isProjection(sample, summary) ? 0 : 1)],
  ['thinner slices', thicknessClass],
  ['sharp lung kernel', ({ summary }) => (isSharpKernel(summary.kernel) ? 0 : 1)],
  ['thinner slices', ({ summary }) => summary.thicknessMm ?? Number.POSITIVE_INFINITY],
  ['more slices', ({ slices }) => -slices],
];

/** Negative: `a` is preferred. The series UID breaks a tie, so that every order of arrival ends alike. */
function preference(a: Candidate, b: Candidate): number {
  for (const [, value] of CRITERIA) if (value(a) !== value(b)) return value(a) < value(b) ? -1 : 1;
  return a.summary.seriesUid < b.summary.seriesUid ? -1 : 1;
}

/** What sets the preferred one of the two apart. */
const advantage = (a: Candidate, b: Candidate): string =>
  CRITERIA.find(([, value]) => value(a) !== value(b))?.[0] ?? 'alike, lower series UID';
