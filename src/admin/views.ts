import type { DeliveryRecord, ResultRecord, SeriesEvent, SeriesRecord } from '../records/types';

// What leaves the service, field by field: what a record gains later does not get out by itself.

export const seriesView = (series: SeriesRecord) => ({
  seriesUid: series.seriesUid,
  studyUid: series.studyUid,
  state: series.state,
  progress: series.progress,
  priority: series.priority,
  code: series.code,
  reason: series.reason,
  instances: series.instances,
  expectedInstances: series.expectedInstances,
  revision: series.revision,
  callingAe: series.callingAe,
  calledAe: series.calledAe,
  callingAddress: series.callingAddress,
  firstReceivedAt: series.firstReceivedAt.toISOString(),
  lastReceivedAt: series.lastReceivedAt.toISOString(),
  updatedAt: series.updatedAt.toISOString(),
  finishedAt: series.finishedAt?.toISOString() ?? null,
  erasedAt: series.erasedAt?.toISOString() ?? null,
});

export const eventView = ({ at, state, code, sentence, actor }: SeriesEvent) => ({
  at: at.toISOString(),
  state,
  code,
  sentence,
  actor,
});

export const resultView = (result: ResultRecord) => ({
  kind: result.kind,
  sopInstanceUid: result.sopInstanceUid,
  sopClassUid: result.sopClassUid,
  seriesUid: result.seriesUid,
  revision: result.revision,
  sha256: result.sha256,
  createdAt: result.createdAt.toISOString(),
});

export const deliveryView = (delivery: DeliveryRecord) => ({
  destination: delivery.destination,
  revision: delivery.revision,
  state: delivery.state,
  attempts: delivery.attempts,
  code: delivery.code,
  reason: delivery.reason,
  updatedAt: delivery.updatedAt.toISOString(),
});
