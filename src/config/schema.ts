import { z } from 'zod';
import { parseNetwork } from '../lib/network';
import { admin } from './admin';

const aeTitle = z
  .string()
  .regex(/^[\x20-\x5B\x5D-\x7E]{1,16}$/, 'an AE title has 1 to 16 characters, no backslash (PS3.5 6.2)')
  .refine((text) => text.trim().length > 0, 'an AE title is not all spaces');
const network = z
  .string()
  .refine((text) => parseNetwork(text) !== null, 'an IP address or a network such as 10.1.0.0/16');
const port = z.int().min(0).max(65535);
/** At most 23 days: a timer of Node fires at once beyond 2^31 ms. */
const seconds = z.number().positive().max(2_000_000);
/** At most a century: far enough back, a date is none any more. */
const days = z.number().max(36_500);
const priority = z.enum(['stat', 'urgent', 'routine']);
const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'a name has small letters, digits and hyphens, at most 32');
const cron = z.string().min(9);

/** PEM files; read again when they change. */
const file = z.string().min(1);

/** What a process does; several share one database and one data folder. */
const ROLES = ['receive', 'analyse', 'deliver', 'admin'] as const;

const association = z.strictObject({
  aeTitle: aeTitle.default('RAUNET'),
  /** Other called AE titles that are answered too, e.g. one for each selection rule. */
  aliases: z.array(aeTitle).default([]),
  host: z.string().default('127.0.0.1'),
  port: port.default(11112),
  maxAssociations: z.int().min(1).default(20),
  /** Bytes, PS3.8 D.1. */
  maxPduLength: z.int().min(4096).max(1048576).default(131072),
  /** ARTIM, PS3.8 9.1.5. */
  artimSeconds: seconds.default(10),
  idleSeconds: seconds.default(60),
  /** Empty: everyone on loopback, no one elsewhere. */
  allow: z
    .array(
      z.strictObject({
        callingAe: aeTitle,
        /** Empty: from anywhere. */
        addresses: z.array(network).default([]),
        priority: priority.optional(),
        /** Where it listens for storage commitment reports, at the address that it called from. */
        reportPort: port.min(1).optional(),
        /** DNS name or common name that its TLS certificate must have. */
        certificate: z.string().min(1).optional(),
      }),
    )
    .default([]),
  /** DICOM TLS on this port, and nothing else. `ca`: who connects must show a certificate that it has signed. */
  tls: z.strictObject({ certificate: file, key: file, ca: file.optional() }).optional(),
});

const selectionRule = z.strictObject({
  name,
  calledAe: aeTitle.optional(),
  callingAe: aeTitle.optional(),
  modality: z
    .string()
    .regex(/^[A-Z]{2,16}$/, 'a modality is two or more capitals (PS3.3 C.7.3.1.1.1)')
    .optional(),
  orientation: z.enum(['axial', 'coronal', 'sagittal']).optional(),
  /** Regular expressions, case-insensitive; all that are given must hold. */
  description: z.string().optional(),
  kernel: z.string().optional(),
  thicknessMm: z
    .strictObject({ min: z.number().min(0).default(0), max: z.number().positive().default(100) })
    .optional(),
  minSlices: z.int().min(1).optional(),
  take: z.boolean().default(true),
});

const series = z.strictObject({
  quietSeconds: seconds.default(10),
  minSlices: z.int().min(1).default(3),
  rules: z.array(selectionRule).default([]),
  /** Of several reconstructions of one study: all, or the one that the preference order puts first. */
  perStudy: z.enum(['all', 'one']).default('one'),
  /** Ask this destination by C-FIND how many instances the series has. */
  queryDestination: name.optional(),
});

const inference = z.strictObject({
  contract: z.string().default('onnx/contract.json'),
  /** Name of a model in the contract; left out: its default. */
  model: z.string().optional(),
  providers: z
    .array(z.enum(['tensorrt', 'cuda', 'webgpu', 'cpu']))
    .min(1)
    .default(['cuda', 'webgpu', 'cpu']),
  /** 0: the cores of the machine. */
  threads: z.int().min(0).default(0),
  /** Slices in one run on a GPU; the CPU takes 1. */
  gpuBatch: z.int().min(1).max(64).default(4),
  timeoutSeconds: seconds.default(120),
});

const result = z.strictObject({
  segDeflated: z.boolean().default(false),
  segKeepEmptyFrames: z.boolean().default(false),
  segWhenEmpty: z.enum(['none', 'blank']).default('none'),
  srKeyRegions: z.boolean().default(false),
  reportRefusals: z.boolean().default(true),
  summary: z.boolean().default(true),
  overlays: z.boolean().default(false),
});

/** Of results, in the order in which they are sent. */
export const RESULT_KINDS = ['SEG', 'SR', 'SC'] as const;

const destination = z.strictObject({
  name,
  aeTitle,
  host: z.string(),
  port: port.min(1),
  /** Our AE title towards it; left out: association.aeTitle. */
  callingAe: aeTitle.optional(),
  /** What it gets. */
  objects: z
    .array(z.enum(RESULT_KINDS))
    .min(1)
    .default([...RESULT_KINDS]),
  connectSeconds: seconds.default(10),
  responseSeconds: seconds.default(60),
  retryLimit: z.int().min(0).default(20),
  /** First pause; doubled at each attempt up to retryMaxSeconds. */
  retrySeconds: seconds.default(15),
  retryMaxSeconds: seconds.default(3600),
  /** DICOM TLS; left out: plain TCP. `ca`: whom to trust; left out: the system's. */
  tls: z
    .strictObject({
      ca: file.optional(),
      /** Ours, where the destination wants one; both or neither. */
      certificate: file.optional(),
      key: file.optional(),
      /** Name that its certificate must have; left out: `host`. */
      serverName: z.string().min(1).optional(),
    })
    .optional(),
  /** PS3.4 Annex J; left out: the destination is not asked, and "sent" is the end. */
  commitment: z
    .strictObject({
      /** Our association stays open for the report; later it comes to the listener. */
      waitSeconds: seconds.default(5),
      /** From a request to the next one where no report came. */
      reportSeconds: seconds.default(600),
      /** Requests without a report until the objects are sent again. */
      requests: z.int().min(1).default(3),
      /** Times that uncommitted objects are sent again before an operator must look. */
      resends: z.int().min(0).default(3),
    })
    .optional(),
});

const delivery = z.strictObject({
  destinations: z.array(destination).default([]),
  /** First rule that fits wins; none fits: back to the destination that has the sender's AE title. */
  rules: z
    .array(
      z.strictObject({
        callingAe: aeTitle.optional(),
        calledAe: aeTitle.optional(),
        to: z.array(name).min(1),
      }),
    )
    .default([]),
});

/** DICOM audit messages, PS3.15 A.5. The file is always written. */
const audit = z.strictObject({
  keepDays: days.min(1).default(365),
  /** Folder of this process below dataDir/audit; left out: host name and admin port. */
  name: z
    .string()
    .regex(/^\w[\w.-]{0,63}$/, 'letters, digits, dots and hyphens, at most 64')
    .optional(),
  /** RFC 5425; left out: the file only. */
  syslog: z
    .strictObject({
      host: z.string().min(1),
      port: port.min(1).default(6514),
      ca: file.optional(),
      certificate: file.optional(),
      key: file.optional(),
      serverName: z.string().min(1).optional(),
    })
    .optional(),
});

const maintenance = z.strictObject({
  /** Days that received files and results are kept after the last delivery. */
  retentionDays: days.min(0).default(7),
  /** Free bytes of the data folder below which new associations are rejected (temporary, local limit exceeded). */
  minFreeMegabytes: z.number().min(0).default(2048),
  retentionCron: cron.default('17 3 * * *'),
  diskCron: cron.default('*/30 * * * * *'),
  echoCron: cron.default('*/5 * * * *'),
  reconcileCron: cron.default('47 * * * *'),
});

/** conf/raunet.yaml. Every key has a default; conf/raunet.yaml comments each with unit and reason. */
export const configSchema = z.strictObject({
  /** Spool, results, embedded database, install id. */
  dataDir: z.string().default('data'),
  roles: z
    .array(z.enum(ROLES))
    .min(1)
    .default([...ROLES]),
  log: z.strictObject({ level: z.enum(['error', 'warn', 'info', 'debug']).default('info') }).prefault({}),
  association: association.prefault({}),
  series: series.prefault({}),
  inference: inference.prefault({}),
  result: result.prefault({}),
  delivery: delivery.prefault({}),
  jobs: z
    .strictObject({
      /** Series analysed at once. */
      analysers: z.int().min(1).default(1),
      retryLimit: z.int().min(0).default(3),
      defaultPriority: priority.default('routine'),
      /** 10^6 bytes of decoded pixels, two for each, and of one multi-frame file. */
      maxVolumeMegabytes: z.number().positive().default(1500),
    })
    .prefault({}),
  /** PostgreSQL connection string; left out: the embedded server in dataDir. */
  database: z.strictObject({ url: z.string().optional() }).prefault({}),
  admin: admin.prefault({}),
  audit: audit.prefault({}),
  maintenance: maintenance.prefault({}),
});

export type Config = z.infer<typeof configSchema>;
export type DestinationConfig = Config['delivery']['destinations'][number];
export type SelectionRule = Config['series']['rules'][number];
export type Priority = z.infer<typeof priority>;
