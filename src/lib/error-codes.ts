/** transient: try again; ambiguous: may or may not have happened, try again idempotently; permanent: a person must act. */
export type ErrorClass = 'transient' | 'ambiguous' | 'permanent';

interface ErrorEntry {
  class: ErrorClass;
  /** What happened, without a full stop. */
  what: string;
  /** What the operator does now: one sentence. */
  action: string;
}

const entry = (errorClass: ErrorClass, what: string, action: string): ErrorEntry => ({
  class: errorClass,
  what,
  action,
});

/** Every error of the service. docs/ERRORS.md is tied to this table by a test. Keep it grouped by stage. */
export const ERRORS = {
  RAUNET_INTERNAL: entry(
    'transient',
    'An unexpected error inside the service',
    'Please report it with the log around this line.',
  ),
  RAUNET_CONFIG: entry(
    'permanent',
    'The configuration cannot be used',
    'Correct the lines named and start again.',
  ),

  // association, spool
  RAUNET_DATA_SET_MISMATCH: entry(
    'permanent',
    'A received data set is not the instance that its C-STORE command names',
    'Check the software of the sender.',
  ),
  RAUNET_DATA_SET_UNREADABLE: entry(
    'permanent',
    'A received data set cannot be stored: it is unreadable or its UIDs are missing or malformed',
    'Check the instance at the sender.',
  ),
  RAUNET_DICOM_PROTOCOL: entry(
    'permanent',
    'A peer broke the DICOM upper layer protocol',
    'Check what connects to the DICOM port: perhaps no DICOM program at all.',
  ),
  RAUNET_TRANSFER_BROKEN: entry(
    'transient',
    'A sender broke off or stalled before its transfer was complete',
    'What was acknowledged is kept; the sender sends the rest again.',
  ),
  RAUNET_LISTEN: entry(
    'permanent',
    'A port cannot be opened',
    'Free the port or choose another one in the configuration.',
  ),
  RAUNET_CERTIFICATE: entry(
    'permanent',
    'A certificate or its private key cannot be used',
    'Correct the files named: PEM, the key of this certificate, readable by the service.',
  ),
  RAUNET_CERTIFICATE_EXPIRED: entry(
    'transient',
    'A certificate of ours has expired or is not valid yet',
    'Put a new one in its place, it is read again by itself; or correct the clock.',
  ),
  RAUNET_TLS_REFUSED: entry(
    'permanent',
    'A connection to the DICOM TLS port ended in its handshake',
    'Check that the sender speaks TLS 1.2 or 1.3 and has a certificate that association.tls.ca has signed.',
  ),
  RAUNET_COMMITMENT_REQUEST: entry(
    'permanent',
    'A request for storage commitment cannot be taken',
    'Check the software of the sender: it must ask for fewer instances at once, each time with a new transaction UID.',
  ),
  RAUNET_COMMITMENT_UNKNOWN: entry(
    'permanent',
    'A storage commitment report is about a transaction that this service does not know',
    'Check which service the destination reports to; after retention has erased a series, nothing.',
  ),
  RAUNET_COMMITMENT_NO_ADDRESS: entry(
    'transient',
    'A storage commitment report cannot be brought to the AE that asked: its association is over and its address is not known',
    'Add it to delivery.destinations, or association.allow with its reportPort; it is tried again by itself.',
  ),
  RAUNET_SPOOL_WRITE: entry(
    'transient',
    'The spool cannot be written',
    'Check free space and rights of the data folder; the sender will retry.',
  ),
  RAUNET_SPOOL_READ: entry(
    'transient',
    'A file or folder of the data folder cannot be read now',
    'It is tried again by itself; check the disk or share, owner and rights, and the limit of open files.',
  ),
  RAUNET_SPOOL_MISSING: entry(
    'permanent',
    'A received file is no longer in the spool',
    'Send the series again; check who deletes files of the data folder.',
  ),
  RAUNET_SPOOL_ALTERED: entry(
    'permanent',
    'A received file no longer has the bytes that were acknowledged',
    'Check the disk; send the series again.',
  ),

  RAUNET_UID_REUSED: entry(
    'permanent',
    'All instances of the series have SOP Instance UIDs that are on record with other bytes; nothing of it is analysed',
    'Give the instances new SOP Instance UIDs at the sender, as a corrected copy must have, and send the series again.',
  ),

  // dicom
  RAUNET_UNREADABLE: entry(
    'permanent',
    'A file is no readable DICOM data set',
    'Send the instance again from its source.',
  ),

  // series (spec/input.md)
  RAUNET_MIXED_PATIENTS: entry(
    'permanent',
    'The images of the series name more than one patient; nothing is made of them',
    "Find out at the sender whose each image is, and send each patient's as a series of its own.",
  ),
  RAUNET_NO_AXIAL_CT: entry(
    'permanent',
    'The series holds no axial CT image',
    'Route only axial chest CT here.',
  ),
  RAUNET_NO_GEOMETRY: entry(
    'permanent',
    'Images lack position, orientation or pixel spacing',
    'Send the original images, not screen captures.',
  ),
  RAUNET_MIXED_GEOMETRY: entry(
    'permanent',
    'The series mixes frames of reference, orientations or matrix sizes and no group is clearly the scan',
    'Send the reconstructions as series of their own.',
  ),
  RAUNET_NOT_AXIAL: entry('permanent', 'The images are not axial', 'Send the axial reconstruction.'),
  RAUNET_INCOMPLETE: entry(
    'permanent',
    'Too many slices are missing',
    'Send the missing slices; the series is then analysed again.',
  ),
  RAUNET_MULTI_PHASE: entry(
    'permanent',
    'A part of the body stands in the series more than once and no attribute tells one scan of all of it apart',
    'Send each phase as a series of its own.',
  ),
  RAUNET_GANTRY_TILT: entry(
    'permanent',
    'The gantry tilt exceeds 30 degrees',
    'Send an untilted reconstruction.',
  ),
  RAUNET_NO_RESCALE: entry(
    'permanent',
    'Rescale slope and intercept are missing and the values are not plausible HU',
    'Send images with a modality transformation to HU.',
  ),
  RAUNET_DERIVED_REFORMAT: entry(
    'permanent',
    'The images are projections or renderings (MIP, VRT), not slices',
    'Send the original axial slices.',
  ),
  RAUNET_NOT_SELECTED: entry(
    'permanent',
    'The selection rules leave this series out',
    'Nothing to do, or change series.rules in the configuration.',
  ),

  // volume
  RAUNET_TOO_LARGE: entry(
    'permanent',
    'The series is larger than this service may take into memory',
    'Raise jobs.maxVolumeMegabytes where the machine has the memory, or send a thicker reconstruction, or each phase as a series of its own.',
  ),
  RAUNET_CORRUPT_PIXELS: entry(
    'permanent',
    'Pixel data of an instance cannot be decoded',
    'Send the instance again from its source.',
  ),

  // tensor, inference
  RAUNET_NOT_CHEST: entry('permanent', 'No lung was found in the images', 'Route only chest CT here.'),
  RAUNET_MODEL: entry(
    'permanent',
    'The model or its contract cannot be used',
    'Install the model files that belong to this version again.',
  ),
  RAUNET_PROVIDER: entry(
    'permanent',
    'No ONNX Runtime provider of the configured list works',
    'See the reasons; run `raunet doctor`.',
  ),
  RAUNET_INFERENCE: entry(
    'transient',
    'The inference process failed',
    'It is restarted by itself; see the log if it repeats.',
  ),
  RAUNET_INFERENCE_TIMEOUT: entry(
    'transient',
    'The inference process gave no answer in time',
    'It is restarted by itself; raise inference.timeoutSeconds if the machine is slow.',
  ),

  // result
  RAUNET_RESULT: entry(
    'permanent',
    'A result object could not be made',
    'Please report it with the log around this line.',
  ),

  // delivery
  RAUNET_DESTINATION_UNKNOWN: entry(
    'permanent',
    'No destination is configured for this result',
    'Add the sender as a destination, or a delivery rule, in the configuration; then retry: what is kept goes to the destinations of then.',
  ),
  RAUNET_DESTINATION_DOWN: entry(
    'transient',
    'The destination cannot be reached',
    'It is tried again by itself; check the destination.',
  ),
  RAUNET_TLS: entry(
    'transient',
    'The TLS handshake with the destination failed',
    'Check that it speaks TLS, and the certificates on both sides; it is tried again by itself.',
  ),
  RAUNET_ASSOCIATION_REJECTED: entry(
    'permanent',
    'The destination rejected the association',
    'Check AE titles on both sides.',
  ),
  RAUNET_ASSOCIATION_BUSY: entry(
    'transient',
    'The destination rejected the association for now',
    'It is tried again by itself.',
  ),
  RAUNET_ASSOCIATION_ABORTED: entry(
    'ambiguous',
    'The association broke before every object was answered',
    'It is sent again by itself.',
  ),
  RAUNET_NOT_ACCEPTED: entry(
    'permanent',
    'The destination accepts no presentation context for the object',
    'Enable the SOP class and transfer syntax at the destination.',
  ),
  RAUNET_STORE_REFUSED: entry(
    'permanent',
    'The destination refused to store the object',
    'Read the status; correct the cause at the destination; then retry.',
  ),
  RAUNET_STORE_BUSY: entry(
    'transient',
    'The destination is out of resources',
    'It is tried again by itself.',
  ),
  RAUNET_COMMITMENT_REFUSED: entry(
    'permanent',
    'The destination refused the request for storage commitment',
    'Enable storage commitment for our AE title there, or remove commitment from the destination; then retry.',
  ),
  RAUNET_COMMITMENT_BUSY: entry(
    'transient',
    'The destination cannot take a request for storage commitment, or a report on one, now',
    'It is tried again by itself.',
  ),
  RAUNET_COMMITMENT_FAILED: entry(
    'permanent',
    'The destination did not commit to what it stored, though it was sent again',
    'Look for the objects at the destination; then retry.',
  ),
  RAUNET_COMMITMENT_UNANSWERED: entry(
    'permanent',
    'The destination stored the objects and never reported on their storage commitment',
    'Check that the destination knows address and port of our AE title; then retry.',
  ),
  RAUNET_QUERY_REFUSED: entry(
    'permanent',
    'The destination refused the query',
    'Enable Study Root C-FIND for our AE title there, or remove series.queryDestination.',
  ),
  RAUNET_RESULT_MISSING: entry(
    'permanent',
    'A result file cannot be sent as it was made',
    'Check the data folder; retry the series to make it again.',
  ),

  // jobs, records
  RAUNET_DATABASE: entry(
    'transient',
    'The database cannot be used',
    'It is tried again by itself; check PostgreSQL.',
  ),
  RAUNET_DATABASE_SETUP: entry(
    'permanent',
    'The embedded PostgreSQL cannot be started',
    'Follow the hint, or set database.url to a server of yours.',
  ),
  RAUNET_DATA_FOLDER_BUSY: entry(
    'permanent',
    'Another service uses this data folder',
    'Stop it, or give this one a data folder of its own.',
  ),
  RAUNET_DATA_FOLDER_EMPTY: entry(
    'permanent',
    'The data folder has no database, and this command makes none',
    'Name the configuration of the service with --config or RAUNET_CONFIG, and where its dataDir is relative go to its working folder; a new service has to be started first.',
  ),
  RAUNET_DATA_FOLDER_FOREIGN: entry(
    'permanent',
    'The data folder is not the one that this database belongs to',
    'Mount the data folder that all services share; if it is lost for good, write the id of the database into install.json of the new one.',
  ),
  RAUNET_FOLDER_FOREIGN: entry(
    'transient',
    'A folder of the data folder is not the one that the files on record lie in',
    'Mount its file system; if its files are lost for good, copy install.json of the data folder into it.',
  ),
  RAUNET_SCHEMA: entry(
    'permanent',
    'The database belongs to another version of the service',
    'Run the newer version, or restore a backup of the database that this version wrote.',
  ),
  RAUNET_RECORDS_FILE: entry(
    'permanent',
    'The records of this file cannot be imported',
    'Export them again with this version of the service, and import into a new database.',
  ),
  RAUNET_STATE: entry(
    'permanent',
    'This step does not fit the state of the series',
    'Read the history of the series; if nobody cancelled or retried it, please report it.',
  ),
  RAUNET_SUPERSEDED: entry(
    'permanent',
    'Newer instances of the series arrived during its analysis',
    'Nothing to do: the series is analysed again with them.',
  ),
  RAUNET_UID_CONFLICT: entry(
    'permanent',
    'The series UID is already in use in another study',
    'Correct the UIDs at the sender; images of two studies are never mixed.',
  ),
  RAUNET_JOB_TAKEN: entry(
    'transient',
    'Another worker took the job over, or it was cancelled',
    'Nothing to do; if it repeats, look for a stalled process.',
  ),
  RAUNET_JOB_LOST: entry(
    'permanent',
    'The process that worked on the job died each time',
    'See the log before each restart; retry when the cause is gone.',
  ),
  RAUNET_CANCELLED: entry('permanent', 'The job was cancelled by an operator', 'Retry it when wanted.'),

  // audit
  RAUNET_AUDIT: entry(
    'transient',
    'The audit trail cannot be written',
    'Check free space and rights of the data folder; what waits is written as soon as it can be.',
  ),
  RAUNET_AUDIT_SYSLOG: entry(
    'transient',
    'The audit trail cannot be sent to the syslog server',
    'Check address and certificates; it is kept and sent from where it stopped.',
  ),

  // admin
  RAUNET_REQUEST: entry(
    'permanent',
    'The request cannot be understood',
    'Correct what is named; /openapi.yaml describes every request.',
  ),
  RAUNET_REQUEST_ORIGIN: entry(
    'permanent',
    'The request does not come from the pages of this service',
    'Use the dashboard, or a client that sends JSON to localhost.',
  ),
  RAUNET_UNAUTHENTICATED: entry(
    'permanent',
    'Who asks is not known',
    'Sign in, or send a token as `Authorization: Bearer ...`; an admin makes one with `raunet token create`.',
  ),
  RAUNET_FORBIDDEN: entry(
    'permanent',
    'The role of who asks does not allow it',
    'Ask an admin for a token or group with the role named.',
  ),
  RAUNET_TOO_MANY_REQUESTS: entry(
    'transient',
    'Too many requests or wrong tokens came from this address',
    'Wait as long as `Retry-After` says; look for a client with an old token.',
  ),
  RAUNET_TOKEN_NAME: entry(
    'permanent',
    'There is a token of this name',
    'Choose another name, or revoke that token first.',
  ),
  RAUNET_SIGN_IN: entry(
    'permanent',
    'The sign-in at the identity provider gave no access',
    'Try again; if it repeats, compare the groups of the user with admin.oidc.roles.',
  ),
  RAUNET_IDENTITY_PROVIDER: entry(
    'transient',
    'The identity provider does not answer',
    'Check admin.oidc and its network; a token still signs in.',
  ),
  RAUNET_NOT_FOUND: entry(
    'permanent',
    'There is nothing of this name',
    'Check the address and the series UID.',
  ),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;
