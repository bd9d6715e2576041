import { ERRORS, type ErrorCode } from '../lib/error-codes';
import { RaunetError, toRaunetError } from '../lib/errors';

/** What pg-boss keeps of a failed run (its `output`), and hands to the next run and to the dead letter. */
export interface Failure {
  code: ErrorCode;
  detail: string | null;
  /** Runs that ended with an error, this one included; runs that ended with their process are not counted. */
  errors: number;
}

/** A crash says nothing about the job: a few are free, so that a service killed often still ends its work. */
const CRASH_ALLOWANCE = 20;

/** pg-boss counts every run; ours counts errors, and this bounds both. */
export const attemptLimit = (retryLimit: number): number => retryLimit + CRASH_ALLOWANCE;

export const deadLetterOf = (queue: string): string => `${queue}.dead`;

/** The failure of this run, after what the run before left. */
export function failureOf(thrown: unknown, before: object | null): Failure {
  const { code, context } = toRaunetError(thrown);
  const errors = before && 'errors' in before ? Number(before.errors) : 0;
  return { code, detail: context.detail ?? null, errors: errors + 1 };
}

/** An error of class permanent is not tried again: a person must act first. */
export const verdict = (failure: Failure, retryLimit: number): 'failed' | 'deadletter' =>
  ERRORS[failure.code].class === 'permanent' || failure.errors > retryLimit ? 'deadletter' : 'failed';

/** The error behind a dead letter. pg-boss's own output (lost heartbeat, timed out) means that the process died each time. */
export function failureError(output: object | null): RaunetError {
  if (output && 'code' in output && (output as Failure).code in ERRORS) {
    const { code, detail } = output as Failure;
    return new RaunetError(code, detail === null ? {} : { detail });
  }
  return new RaunetError('RAUNET_JOB_LOST');
}
