import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { ErrorCode } from '../lib/error-codes';
import type { Stage } from '../lib/stages';
import type { Gauges } from './types';

/** What the stages report, as plain functions, and the text that Prometheus reads. */
export interface Metrics {
  instanceReceived(bytes: number): void;
  associationRejected(reason: string): void;
  stageDone(stage: Stage, seconds: number): void;
  failure(code: ErrorCode, stage: Stage | 'none'): void;
  objectSent(destination: string): void;
  /** Longest of the last second. */
  eventLoopDelay(seconds: number): void;
  commitment(destination: string, outcome: 'committed' | 'failed' | 'unanswered'): void;
  /** Text exposition format. What a gauge cannot tell at the moment is left out rather than guessed. */
  text(gauges: Gauges): Promise<string>;
  contentType: string;
}

/** A registry of its own, with process memory, descriptors and CPU of Node besides our figures. */
export function createMetrics(): Metrics {
  const registers = [new Registry()];
  const [registry] = registers as [Registry];
  collectDefaultMetrics({ register: registry });

  const instances = new Counter({
    name: 'raunet_instances_received_total',
    help: 'Instances acknowledged with Success',
    registers,
  });
  const bytesReceived = new Counter({
    name: 'raunet_received_bytes_total',
    help: 'Bytes of acknowledged instances',
    registers,
  });
  const rejected = new Counter({
    name: 'raunet_associations_rejected_total',
    help: 'Associations rejected (deploy/CONFORMANCE.md), and connections closed unheard because too many were open',
    labelNames: ['reason'],
    registers,
  });
  const stageSeconds = new Histogram({
    name: 'raunet_stage_seconds',
    help: 'Time of one series in a stage',
    labelNames: ['stage'],
    buckets: [0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1800],
    registers,
  });
  const failures = new Counter({
    name: 'raunet_failures_total',
    help: 'Failures and refusals by code (docs/ERRORS.md)',
    labelNames: ['code', 'stage'],
    registers,
  });
  const objects = new Counter({
    name: 'raunet_objects_sent_total',
    help: 'Result objects that a destination stored',
    labelNames: ['destination'],
    registers,
  });
  const delay = new Histogram({
    name: 'raunet_event_loop_delay_seconds',
    help: 'Longest delay of the event loop in each second',
    buckets: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5],
    registers,
  });
  const longestDelay = new Gauge({
    name: 'raunet_event_loop_longest_delay_seconds',
    help: 'Longest delay of the event loop since the service is up',
    registers,
  });
  let longest = 0;
  const commitments = new Counter({
    name: 'raunet_commitments_total',
    help: 'Deliveries that a destination committed to, failed to commit to, or never reported on',
    labelNames: ['destination', 'outcome'],
    registers,
  });
  const series = new Gauge({
    name: 'raunet_series',
    help: 'Series by state: a stage, or how they ended',
    labelNames: ['state'],
    registers,
  });
  const oldest = new Gauge({
    name: 'raunet_series_oldest_seconds',
    help: 'How long the series that moved least has been in its state',
    labelNames: ['state'],
    registers,
  });
  const deliveries = new Gauge({
    name: 'raunet_deliveries',
    help: 'Deliveries by destination and state; dead ones wait for an operator',
    labelNames: ['destination', 'state'],
    registers,
  });
  const queue = new Gauge({
    name: 'raunet_queue_jobs',
    help: 'Jobs of a queue, waiting or active',
    labelNames: ['queue', 'state'],
    registers,
  });
  const disk = new Gauge({
    name: 'raunet_disk_free_bytes',
    help: 'Free bytes of the data folder, where the least is free',
    labelNames: ['folder'],
    registers,
  });

  /** Forgets what was read last, so that a source that fails now leaves no old figure behind. */
  const read = async <T>(
    source: () => Promise<T>,
    labelled: readonly Gauge<string>[],
    set: (value: T) => void,
  ): Promise<void> => {
    const value = await source().catch(() => null);
    for (const gauge of labelled) gauge.reset();
    if (value !== null) set(value);
  };

  return {
    instanceReceived(bytes) {
      instances.inc();
      bytesReceived.inc(bytes);
    },
    associationRejected: (reason) => rejected.inc({ reason }),
    stageDone: (stage, seconds) => stageSeconds.observe({ stage }, seconds),
    failure: (code, stage) => failures.inc({ code, stage }),
    eventLoopDelay(seconds) {
      delay.observe(seconds);
      longest = Math.max(longest, seconds);
      longestDelay.set(longest);
    },
    objectSent: (destination) => objects.inc({ destination }),
    commitment: (destination, outcome) => commitments.inc({ destination, outcome }),
    contentType: registry.contentType,
    async text(gauges) {
      await Promise.all([
        read(gauges.records, [series, oldest, deliveries], (counts) => {
          for (const { state, count, oldestSeconds } of counts.series) {
            series.set({ state }, count);
            oldest.set({ state }, oldestSeconds);
          }
          for (const { destination, state, count } of counts.deliveries)
            deliveries.set({ destination, state }, count);
        }),
        read(gauges.queues, [queue], (depths) => {
          for (const { queue: name, waiting, active } of depths) {
            queue.set({ queue: name, state: 'waiting' }, waiting);
            queue.set({ queue: name, state: 'active' }, active);
          }
        }),
        read(gauges.diskFreeBytes, [disk], (bytes) => disk.set({ folder: 'data' }, bytes)),
      ]);
      return registry.metrics();
    },
  };
}
