import type { PlainDataSet } from '../../dicom/write';
import type { Producer } from '../types';
import { codeItem, PROCESSING_EQUIPMENT } from './code';
import type { Moment } from './time';

export const MANUFACTURER = 'Raunet';
export const MODEL_NAME = 'Raunet PACS';

/** What a person calls the algorithm, e.g. `raunet-w16 1.0.0`. */
export const algorithmName = ({ model }: Producer): string => `${model.name} ${model.version}`;

/** Everything that decides the voxels, for whoever has to repeat them. */
export const algorithmParameters = ({ model, serviceVersion, provider, configHash }: Producer): string =>
  `model sha256 ${model.sha256}; service ${serviceVersion}; provider ${provider}; configuration sha256 ${configHash}`;

/** General Equipment (PS3.3 C.7.5) and Contributing Equipment (PS3.3 C.12.1.1.5). */
export function equipment(producer: Producer, made: Moment): PlainDataSet {
  const device = {
    Manufacturer: MANUFACTURER,
    ManufacturerModelName: MODEL_NAME,
    DeviceSerialNumber: producer.installId,
    DeviceUID: producer.deviceUid,
    SoftwareVersions: [producer.serviceVersion, algorithmName(producer).slice(0, 64)],
  };
  return {
    ...device,
    ContributingEquipmentSequence: [
      {
        ...device,
        PurposeOfReferenceCodeSequence: [codeItem(PROCESSING_EQUIPMENT)],
        ContributionDateTime: made.dateTime,
        ContributionDescription: 'Lesion segmentation and measurement by a neural network',
      },
    ],
  };
}
