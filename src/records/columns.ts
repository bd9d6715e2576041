import type { DeliveryRecord, InstanceRecord, ResultRecord, SeriesEvent, SeriesRecord } from './types';

/** Select lists that give the records of types.ts. */
const columns = <Row>(names: Record<keyof Row, string>): string =>
  Object.entries(names)
    .map(([property, column]) => `${String(column)} AS "${property}"`)
    .join(', ');

export const SERIES_COLUMNS = columns<SeriesRecord>({
  seriesUid: 'series_uid',
  studyUid: 'study_uid',
  state: 'state',
  priority: 'priority',
  callingAe: 'calling_ae',
  calledAe: 'called_ae',
  callingAddress: 'calling_address',
  instances: 'instances',
  expectedInstances: 'expected_instances',
  revision: 'revision',
  progress: 'progress',
  code: 'code',
  reason: 'reason',
  firstReceivedAt: 'first_received_at',
  lastReceivedAt: 'last_received_at',
  updatedAt: 'updated_at',
  finishedAt: 'finished_at',
  erasedAt: 'erased_at',
});

export const INSTANCE_COLUMNS = columns<InstanceRecord>({
  sopInstanceUid: 'sop_instance_uid',
  sopClassUid: 'sop_class_uid',
  transferSyntaxUid: 'transfer_syntax_uid',
  studyUid: 'study_uid',
  seriesUid: 'series_uid',
  file: 'file',
  sha256: 'sha256',
  // bigint comes as a string otherwise; no file has 2^53 bytes.
  sizeBytes: 'size_bytes::float8',
  conflicting: 'conflicting',
  lost: 'lost',
  receivedAt: 'received_at',
});

export const EVENT_COLUMNS = columns<SeriesEvent>({
  at: 'at',
  state: 'state',
  code: 'code',
  sentence: 'sentence',
  actor: 'actor',
});

export const RESULT_COLUMNS = columns<ResultRecord>({
  sopInstanceUid: 'sop_instance_uid',
  sopClassUid: 'sop_class_uid',
  transferSyntaxUid: 'transfer_syntax_uid',
  kind: 'kind',
  seriesUid: 'series_uid',
  sourceSeriesUid: 'source_series_uid',
  revision: 'revision',
  file: 'file',
  sha256: 'sha256',
  createdAt: 'created_at',
});

export const DELIVERY_COLUMNS = columns<DeliveryRecord>({
  sourceSeriesUid: 'source_series_uid',
  revision: 'revision',
  destination: 'destination',
  state: 'state',
  attempts: 'attempts',
  code: 'code',
  reason: 'reason',
  updatedAt: 'updated_at',
});
