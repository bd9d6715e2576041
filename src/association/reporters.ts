import type { Notices } from './notices';
import type { NegotiatedContext } from './presentation-contexts';

/** Open associations on which a peer asked for storage commitment, by who asked what. */
export type Reporters = Map<string, { notices: Notices; context: NegotiatedContext }>;

/** A transaction UID is the peer's own affair: two peers may use the same one. */
export const reporterKey = (callingAe: string, transactionUid: string): string =>
  `${callingAe} ${transactionUid}`;
