/** What is known of a series that may still be arriving. */
export interface Arrival {
  received: number;
  /** Instances that sender or PACS told of; null when nobody did. */
  expected: number | null;
  lastReceivedAt: Date;
  /** No association that brought instances of the series is open. */
  associationEnded: boolean;
}

export interface Completeness {
  complete: boolean;
  /** One sentence without a subject, for log and history. */
  reason: string;
  /** When to look again; null where complete. */
  lookAgainAt: Date | null;
}

/**
 * A series is complete when its sender has hung up and every expected instance is here, else when nothing came for
 * `quietSeconds`: whatever is missing then shows as a gap between the slices.
 */
export function isComplete(arrival: Arrival, quietSeconds: number, now: Date): Completeness {
  const { received, expected, associationEnded } = arrival;
  const quietAt = new Date(Math.min(arrival.lastReceivedAt.getTime(), now.getTime()) + quietSeconds * 1000);
  const count = expected === null ? `${received} instances` : `${received} of ${expected} expected instances`;
  if (expected !== null && received >= expected && associationEnded)
    return { complete: true, reason: `all of ${expected} expected instances received`, lookAgainAt: null };
  if (now >= quietAt)
    return { complete: true, reason: `${count}, quiet for ${quietSeconds} s`, lookAgainAt: null };
  return { complete: false, reason: `${count}, still arriving`, lookAgainAt: quietAt };
}
