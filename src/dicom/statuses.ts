/**
 * Statuses that every DIMSE service may answer (PS3.7 Annex C): code, the heading of its section, its section. The others
 * are those of a service class (PS3.4).
 */
export const GENERAL_STATUS = {
  attributeListError: { code: 0x0107, meaning: 'Attribute list error', clause: 'PS3.7 C.4.2' },
  attributeValueOutOfRange: { code: 0x0116, meaning: 'Attribute Value out of range', clause: 'PS3.7 C.4.3' },
  sopClassNotSupported: {
    code: 0x0122,
    meaning: 'Refused: SOP Class not supported',
    clause: 'PS3.7 C.5.6',
  },
  duplicateSopInstance: { code: 0x0111, meaning: 'Duplicate SOP Instance', clause: 'PS3.7 C.5.8' },
  duplicateInvocation: { code: 0x0210, meaning: 'Duplicate invocation', clause: 'PS3.7 C.5.9' },
  invalidArgumentValue: { code: 0x0115, meaning: 'Invalid argument value', clause: 'PS3.7 C.5.10' },
  invalidSopInstance: { code: 0x0117, meaning: 'Invalid SOP Instance', clause: 'PS3.7 C.5.12' },
  mistypedArgument: { code: 0x0212, meaning: 'Mistyped argument', clause: 'PS3.7 C.5.15' },
  noSuchEventType: { code: 0x0113, meaning: 'No such Event Type', clause: 'PS3.7 C.5.18' },
  noSuchSopInstance: { code: 0x0112, meaning: 'No such SOP Instance', clause: 'PS3.7 C.5.19' },
  noSuchSopClass: { code: 0x0118, meaning: 'No such SOP Class', clause: 'PS3.7 C.5.20' },
  processingFailure: { code: 0x0110, meaning: 'Processing Failure', clause: 'PS3.7 C.5.21' },
  resourceLimitation: { code: 0x0213, meaning: 'Resource Limitation', clause: 'PS3.7 C.5.22' },
  unrecognizedOperation: { code: 0x0211, meaning: 'Unrecognized operation', clause: 'PS3.7 C.5.23' },
  noSuchActionType: { code: 0x0123, meaning: 'No such Action Type', clause: 'PS3.7 C.5.24' },
  notAuthorized: { code: 0x0124, meaning: 'Refused: Not authorized', clause: 'PS3.7 C.5.25' },
} as const;
