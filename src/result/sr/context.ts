import type { PlainDataSet } from '../../dicom/write';
import type { SeriesSummary, Slice } from '../../series/types';
import { MANUFACTURER, MODEL_NAME } from '../common/equipment';
import { instancesOf } from '../common/references';
import type { Producer } from '../types';
import * as c from './codes';
import {
  code,
  contains,
  container,
  hasAcqContext,
  hasConceptMod,
  hasObsContext,
  image,
  text,
  uidref,
} from './content-item';

/** PS3.16 TID 1204, and TID 1001 with TID 1002 and 1004: the observer is this device. */
export const languageAndObserver = ({ installId, deviceUid }: Producer): PlainDataSet[] => [
  hasConceptMod(code(c.LANGUAGE, c.US_ENGLISH)),
  hasObsContext(code(c.OBSERVER_TYPE, c.DEVICE)),
  hasObsContext(uidref(c.DEVICE_UID, deviceUid)),
  hasObsContext(text(c.DEVICE_NAME, MODEL_NAME)),
  hasObsContext(text(c.DEVICE_MANUFACTURER, MANUFACTURER)),
  hasObsContext(text(c.DEVICE_MODEL, MODEL_NAME)),
  hasObsContext(text(c.DEVICE_SERIAL, installId)),
];

/** PS3.16 TID 1600 with one TID 1601 group: every source instance, and what holds for all of them (TID 1602). */
export function imageLibrary({ modality }: SeriesSummary, slices: readonly Slice[]) {
  const [frameOfReferenceUid, ...others] = new Set(slices.map((slice) => slice.frameOfReferenceUid));
  const ofAll = [
    ...(modality === 'CT' ? [hasAcqContext(code(c.MODALITY, c.COMPUTED_TOMOGRAPHY))] : []),
    ...(frameOfReferenceUid && others.length === 0
      ? [hasAcqContext(uidref(c.FRAME_OF_REFERENCE_UID, frameOfReferenceUid))]
      : []),
  ];
  const images = instancesOf(slices).map((instance) => contains(image(c.SOURCE, instance)));
  return container(c.IMAGE_LIBRARY, [contains(container(c.IMAGE_LIBRARY_GROUP, [...ofAll, ...images]))]);
}
