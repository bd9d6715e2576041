import type { DataSet } from '../../dicom/data-set';
import { SOP_CLASS } from '../../dicom/uids';
import type { PlainDataSet } from '../../dicom/write';
import type { SeriesSummary, Slice } from '../../series/types';
import { commonModules } from '../common/document';
import { encodeObject } from '../common/encode';
import { type InstanceReference, instancesOf, sopReference } from '../common/references';
import { outputUids } from '../common/uids';
import type { Analysis, EncodedObject, Refusal, ResultContext } from '../types';
import * as c from './codes';
import { type ContentItem, code, contains, container, hasConceptMod } from './content-item';
import { imageLibrary, languageAndObserver } from './context';
import { evaluations, refusalEvaluations } from './evaluations';
import { measurementGroups } from './groups';
import { keyRegionGroups } from './key-regions';

/**
 * The report of an analysis as a Comprehensive SR (PS3.3 A.35.3) of PS3.16 TID 1500; with nothing found it says so.
 * seg: the Segmentation that the measurements refer to; null where there is none.
 */
export function buildSr(
  analysis: Analysis,
  seg: EncodedObject | null,
  context: ResultContext,
): EncodedObject {
  const { summary, slices } = analysis.series;
  const groups = [
    ...measurementGroups(analysis, seg, context),
    ...(context.options.srKeyRegions ? keyRegionGroups(analysis, context.codes) : []),
  ];
  const { source } = analysis;
  const evaluation = evaluations(analysis, context);
  return encodeReport({ part: 'report', summary, slices, source, seg, groups, evaluation }, context);
}

/** The report of a series that could not be analysed: the same root, the reason, no measurements. */
export function buildRefusalSr(refusal: Refusal, context: ResultContext): EncodedObject {
  const { summary, slices, source, outcome, code: reason, sentence } = refusal;
  // Another reason is another document in another series; so is the success after it.
  const part = `${outcome} ${reason} ${sentence}`;
  const evaluation = refusalEvaluations(refusal, context);
  return encodeReport({ part, summary, slices, source, seg: null, groups: [], evaluation }, context);
}

interface Report {
  /** Tells it apart from other reports on the same instances, for the UIDs. */
  part: string;
  summary: SeriesSummary;
  slices: readonly Slice[];
  source: DataSet;
  seg: EncodedObject | null;
  groups: readonly PlainDataSet[];
  evaluation: ContentItem;
}

/** PS3.16 TID 1500. Without images or groups their containers are left out: an empty one says nothing. */
function content({ summary, slices, groups, evaluation }: Report, { producer }: ResultContext): ContentItem {
  return container(
    c.IMAGING_MEASUREMENT_REPORT,
    [
      ...languageAndObserver(producer),
      hasConceptMod(code(c.PROCEDURE_REPORTED, c.CT)),
      ...(slices.length > 0 ? [contains(imageLibrary(summary, slices))] : []),
      ...(groups.length > 0 ? [contains(container(c.IMAGING_MEASUREMENTS, groups))] : []),
      contains(evaluation),
    ],
    '1500',
  );
}

function encodeReport(report: Report, context: ResultContext): EncodedObject {
  const { part, summary, slices, source, seg } = report;
  const { studyUid, seriesUid } = summary;
  const uids = outputUids('report', part, summary, slices, context);
  const { predecessor } = context;
  return encodeObject('SR', SOP_CLASS.comprehensiveSr, uids, {
    ...commonModules('report', uids.seriesUid, source, context),
    CodingSchemeIdentificationSequence: [c.CODING_SCHEME_IDENTIFICATION],
    InstanceNumber: 1,
    CompletionFlag: 'COMPLETE',
    VerificationFlag: 'UNVERIFIED',
    // Type 2 (PS3.3 C.17.1, C.17.2).
    ReferencedPerformedProcedureStepSequence: null,
    PerformedProcedureCodeSequence: null,
    CurrentRequestedProcedureEvidenceSequence: evidence(studyUid, [
      { seriesUid, instances: instancesOf(slices) },
      ...(seg === null ? [] : [{ seriesUid: seg.seriesUid, instances: [seg] }]),
    ]),
    PredecessorDocumentsSequence:
      predecessor === null
        ? undefined
        : evidence(studyUid, [{ seriesUid: predecessor.seriesUid, instances: [predecessor] }]),
    ...content(report, context),
  });
}

/** Hierarchical SOP Instance Reference Macro (PS3.3 Table C.17-3). */
function evidence(
  studyUid: string,
  series: readonly { seriesUid: string; instances: readonly InstanceReference[] }[],
): PlainDataSet[] | undefined {
  const known = series.filter(({ instances }) => instances.length > 0);
  if (known.length === 0) return undefined;
  return [
    {
      StudyInstanceUID: studyUid,
      ReferencedSeriesSequence: known.map(({ seriesUid, instances }) => ({
        SeriesInstanceUID: seriesUid,
        ReferencedSOPSequence: instances.map(sopReference),
      })),
    },
  ];
}
