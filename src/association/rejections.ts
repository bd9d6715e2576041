/** Body of an A-ASSOCIATE-RJ: PS3.8 Table 9-21. */
export interface Rejection {
  /** 1 permanent, 2 transient. */
  result: 1 | 2;
  /** 1 service user, 2 service provider (ACSE), 3 service provider (presentation). */
  source: 1 | 2 | 3;
  reason: number;
  /** For log and metrics. */
  name: string;
}

/** Every answer that is not an acceptance. The conformance statement is made from it. */
export const REJECTION = {
  applicationContext: { result: 1, source: 1, reason: 2, name: 'application context not supported' },
  callingAe: {
    result: 1,
    source: 1,
    reason: 3,
    name: 'calling AE title, address or certificate not allowed',
  },
  calledAe: { result: 1, source: 1, reason: 7, name: 'called AE title not recognized' },
  protocolVersion: { result: 1, source: 2, reason: 2, name: 'protocol version not supported' },
  /** The service stops, or cannot say now whether it may accept. */
  temporaryCongestion: { result: 2, source: 3, reason: 1, name: 'temporary congestion' },
  /** Too many associations, or the disk is nearly full. */
  localLimitExceeded: { result: 2, source: 3, reason: 2, name: 'local limit exceeded' },
} as const satisfies Record<string, Rejection>;
