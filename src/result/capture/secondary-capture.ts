import type { DataSet } from '../../dicom/data-set';
import { SOP_CLASS } from '../../dicom/uids';
import type { PlainDataSet } from '../../dicom/write';
import type { SeriesSummary, Slice } from '../../series/types';
import { commonModules } from '../common/document';
import { encodeObject } from '../common/encode';
import { MANUFACTURER, MODEL_NAME } from '../common/equipment';
import { sourceImage } from '../common/references';
import { outputUids } from '../common/uids';
import type { RgbImage } from '../picture/image';
import type { EncodedObject, ResultContext } from '../types';

/** Of what a picture was made, and what it is among the pictures of its series. */
export interface Capture {
  series: 'summary' | 'overlays';
  /** Tells it apart from other pictures of its kind, for the UIDs. */
  part: string;
  instanceNumber: number;
  summary: SeriesSummary;
  source: DataSet;
  /** Of the whole series: they decide the UIDs. */
  slices: readonly Slice[];
  /** That the picture shows. */
  shown: readonly Slice[];
  description: string;
  /** Geometry, for a picture on the grid of its slice; left out, it is a page. */
  geometry?: PlainDataSet;
}

/** A picture as a Secondary Capture Image (PS3.3 A.8.1), RGB, made by a workstation. */
export function secondaryCapture(image: RgbImage, capture: Capture, context: ResultContext): EncodedObject {
  const { series, part, instanceNumber, summary, source, slices, shown, description, geometry } = capture;
  const uids = outputUids(series, part, summary, slices, context);
  return encodeObject('SC', SOP_CLASS.secondaryCapture, uids, {
    ...commonModules(series, uids.seriesUid, source, context),
    ...geometry,
    InstanceNumber: instanceNumber,
    ImageType: ['DERIVED', 'SECONDARY'],
    // Type 2C (PS3.3 C.7.6.1.1.1): a page has several, an overlay says it by ImageOrientationPatient.
    PatientOrientation: null,
    ConversionType: 'WSD',
    SecondaryCaptureDeviceManufacturer: MANUFACTURER,
    SecondaryCaptureDeviceManufacturerModelName: MODEL_NAME,
    SecondaryCaptureDeviceSoftwareVersions: context.producer.serviceVersion,
    BurnedInAnnotation: 'YES',
    DerivationDescription: description,
    SourceImageSequence:
      shown.length > 0 ? shown.map((slice) => sourceImage(slice, geometry !== undefined)) : undefined,
    SamplesPerPixel: 3,
    PhotometricInterpretation: 'RGB',
    PlanarConfiguration: 0,
    Rows: image.rows,
    Columns: image.columns,
    BitsAllocated: 8,
    BitsStored: 8,
    HighBit: 7,
    PixelRepresentation: 0,
    PixelData: image.pixels,
  });
}
