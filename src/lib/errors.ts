import { ERRORS, type ErrorClass, type ErrorCode } from './error-codes';
import type { Stage } from './stages';
import { isUid } from './uid';

/** What an error is about; never a patient name or id. */
export interface ErrorContext {
  stage?: Stage;
  studyUid?: string;
  seriesUid?: string;
  sopInstanceUid?: string;
  destination?: string;
  /** The particulars, as one short clause in plain words, free of patient data. */
  detail?: string;
}

/** The only error that leaves a stage. Retry decides on `code`'s class, people read `message`. */
export class RaunetError extends Error {
  readonly class: ErrorClass;

  readonly context: ErrorContext;

  constructor(
    readonly code: ErrorCode,
    context: ErrorContext = {},
    options?: { cause?: unknown },
  ) {
    const told = onlyUids(context);
    super(sentence(code, told), options);
    this.name = 'RaunetError';
    this.context = told;
    this.class = ERRORS[code].class;
  }
}

/** In a damaged header anything may stand where a UID belongs, a name too: what is none is not told. */
function onlyUids(context: ErrorContext): ErrorContext {
  const told = { ...context };
  for (const key of ['studyUid', 'seriesUid', 'sopInstanceUid'] as const)
    if (told[key] !== undefined && !isUid(told[key])) delete told[key];
  return told;
}

/** "RAUNET_X: what happened (particulars; series 1.2.3). What to do." */
function sentence(code: ErrorCode, context: ErrorContext): string {
  const { what, action } = ERRORS[code];
  const about = [
    context.detail,
    context.destination && `destination ${context.destination}`,
    context.seriesUid && `series ${context.seriesUid}`,
    context.sopInstanceUid && `instance ${context.sopInstanceUid}`,
  ].filter(Boolean);
  return `${code}: ${what}${about.length > 0 ? ` (${about.join('; ')})` : ''}. ${action}`;
}

/** What a cancelled call throws: the signal's own word where it has one. */
export const cancelled = (signal: AbortSignal, context: ErrorContext = {}): RaunetError =>
  signal.reason instanceof RaunetError
    ? signal.reason
    : new RaunetError('RAUNET_CANCELLED', context, { cause: signal.reason });

/** Anything thrown, as a RaunetError: ours as it is, all else as an internal error with its cause. */
export function toRaunetError(thrown: unknown, context: ErrorContext = {}): RaunetError {
  if (thrown instanceof RaunetError) return thrown;
  const detail = thrown instanceof Error ? thrown.message : String(thrown);
  return new RaunetError('RAUNET_INTERNAL', { ...context, detail }, { cause: thrown });
}
