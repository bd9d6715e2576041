import type { RaunetError } from '../lib/errors';

/** A Part 10 file to be sent as it is. */
export interface Deliverable {
  /** Path that can be opened. */
  file: string;
  sopClassUid: string;
  sopInstanceUid: string;
  transferSyntaxUid: string;
}

/** What became of one file at one destination. */
export interface Outcome {
  sopInstanceUid: string;
  /** C-STORE status as answered; null when there was no answer. */
  status: number | null;
  /** Stored, but the destination said more than Success: one sentence. */
  warning: string | null;
  /** Null when the destination holds the object. */
  error: RaunetError | null;
}
