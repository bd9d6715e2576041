import { decimalString, type PlainDataSet } from '../../dicom/write';
import type { OrderedSeries, Slice, Vector } from '../../series/types';
import { codeItem, SEGMENTATION } from '../common/code';
import { sourceImage } from '../common/references';
import type { Frame } from './frames';

/** Functional groups of a SEG (PS3.3 A.51.5); geometry has the strings of the source: viewers compare to 1 micrometre. */
export interface FunctionalGroups {
  SharedFunctionalGroupsSequence: PlainDataSet[];
  PerFrameFunctionalGroupsSequence: PlainDataSet[];
}

export function functionalGroups(series: OrderedSeries, frames: readonly Frame[]): FunctionalGroups {
  const oneOrientation = new Set(series.slices.map((slice) => joined(slice.orientation))).size === 1;
  const ranks = positionRanks(frames);
  return {
    SharedFunctionalGroupsSequence: [
      {
        PixelMeasuresSequence: [pixelMeasures(series)],
        ...(oneOrientation ? planeOrientation(series.slices[0]!) : {}),
      },
    ],
    PerFrameFunctionalGroupsSequence: frames.map(({ classIndex, slice }) => {
      const plane = series.slices[slice]!;
      return {
        FrameContentSequence: [{ DimensionIndexValues: [classIndex, ranks.get(slice)!] }],
        PlanePositionSequence: [{ ImagePositionPatient: plane.position!.strings }],
        ...(oneOrientation ? {} : planeOrientation(plane)),
        SegmentIdentificationSequence: [{ ReferencedSegmentNumber: classIndex }],
        DerivationImageSequence: [
          {
            DerivationCodeSequence: [codeItem(SEGMENTATION)],
            SourceImageSequence: [sourceImage(plane, true)],
          },
        ],
      };
    }),
  };
}

/** Multi-frame Dimension (PS3.3 C.7.6.17): segment, then position. */
export const dimensions = (organizationUid: string): PlainDataSet => ({
  DimensionOrganizationSequence: [{ DimensionOrganizationUID: organizationUid }],
  DimensionIndexSequence: [
    {
      DimensionOrganizationUID: organizationUid,
      DimensionIndexPointer: 'ReferencedSegmentNumber',
      FunctionalGroupPointer: 'SegmentIdentificationSequence',
      DimensionDescriptionLabel: 'Segment',
    },
    {
      DimensionOrganizationUID: organizationUid,
      DimensionIndexPointer: 'ImagePositionPatient',
      FunctionalGroupPointer: 'PlanePositionSequence',
      DimensionDescriptionLabel: 'Position',
    },
  ],
});

/** Dimension indices count from 1 without gaps (PS3.3 C.7.6.17.1), over the positions that have a frame. */
function positionRanks(frames: readonly Frame[]): Map<number, number> {
  const slices = [...new Set(frames.map((frame) => frame.slice))].sort((a, b) => a - b);
  return new Map(slices.map((slice, i) => [slice, i + 1]));
}

/** PS3.3 C.7.6.16.2.1. The distance comes from all slices of the source, before empty frames are left out. */
function pixelMeasures({ slices, distancesMm }: OrderedSeries): PlainDataSet {
  const [first] = slices as [Slice];
  const gaps = distancesMm.slice(1).map((distance, i) => distance - distancesMm[i]!);
  const between = gaps.sort((a, b) => a - b)[gaps.length >> 1] ?? first.thicknessMm;
  const thickness = first.thicknessMm ?? between;
  return {
    PixelSpacing: first.pixelSpacing!.strings,
    SliceThickness: thickness === null ? undefined : millimetres(thickness),
    SpacingBetweenSlices: between === null ? undefined : millimetres(between),
  };
}

const planeOrientation = (slice: Slice): PlainDataSet => ({
  PlaneOrientationSequence: [{ ImageOrientationPatient: slice.orientation!.strings }],
});

const joined = (vector: Vector | null): string => vector?.strings.join('\\') ?? '';

/** To a nanometre: differences of positions carry rounding in their last digits. */
const millimetres = (value: number): string => decimalString(Math.round(value * 1e6) / 1e6);
