import type { Config } from '../config/schema';
import { RaunetError } from '../lib/errors';

export interface Route {
  /** Names of configured destinations, each once. */
  destinations: string[];
  /** Why these: one sentence for log and history. */
  reason: string;
}

/** PS3.5 6.2: leading and trailing spaces of an AE title do not count. */
const same = (a: string, b: string): boolean => a.trim() === b.trim();

/**
 * Where the results of a series go: first rule that fits, else back to the sender.
 * Throws RAUNET_DESTINATION_UNKNOWN.
 */
export function route(from: { callingAe: string; calledAe: string }, delivery: Config['delivery']): Route {
  const index = delivery.rules.findIndex(
    (rule) =>
      (rule.callingAe === undefined || same(rule.callingAe, from.callingAe)) &&
      (rule.calledAe === undefined || same(rule.calledAe, from.calledAe)),
  );
  const rule = delivery.rules[index];
  if (rule)
    return {
      destinations: [...new Set(rule.to)],
      reason: `Delivery rule ${index + 1} fits sender ${from.callingAe.trim()} calling ${from.calledAe.trim()}.`,
    };

  const sender = delivery.destinations.find(({ aeTitle }) => same(aeTitle, from.callingAe));
  if (!sender)
    throw new RaunetError('RAUNET_DESTINATION_UNKNOWN', {
      stage: 'delivery',
      detail: `no delivery rule fits and no destination has the sender's AE title ${from.callingAe.trim()}`,
    });
  return {
    destinations: [sender.name],
    reason: `No delivery rule fits: back to the sender ${from.callingAe.trim()}.`,
  };
}
