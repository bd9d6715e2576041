import winston from 'winston';
import { RaunetError } from './errors';
import type { Stage } from './stages';

/** Fields of a log line. UIDs and codes only: never a patient name, id or birth date, nor element values. */
export interface LogFields {
  stage?: Stage;
  studyUid?: string;
  seriesUid?: string;
  sopInstanceUid?: string;
  jobId?: string;
  destination?: string;
  /** AE titles as negotiated. */
  callingAe?: string;
  calledAe?: string;
  error?: unknown;
  [field: string]: unknown;
}

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

const levels: LogLevel[] = ['debug', 'info', 'warn', 'error'];

/** JSON lines on stdout (or `stream`), one event a line: {"timestamp","level","message",...fields}. */
export function createLog(level: LogLevel, stream: NodeJS.WritableStream = process.stdout): Log {
  const logger = winston.createLogger({
    level,
    format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
    transports: [new winston.transports.Stream({ stream })],
  });
  const write =
    (at: LogLevel) =>
    (message: string, fields: LogFields = {}) => {
      const { error, ...rest } = fields;
      logger.log({ level: at, message, ...rest, ...(error === undefined ? {} : describe(error)) });
    };
  return Object.fromEntries(levels.map((at) => [at, write(at)])) as unknown as Log;
}

/** A log that keeps nothing: for library use of a stage, never for the service. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };

function describe(error: unknown): Record<string, unknown> {
  if (error instanceof RaunetError)
    return {
      code: error.code,
      reason: error.message,
      ...(error.cause ? { cause: String(error.cause) } : {}),
    };
  if (error instanceof Error) return { reason: error.message, stack: error.stack };
  return { reason: String(error) };
}
