import type { ErrorCode } from '../lib/error-codes';
import { type ErrorContext, RaunetError, toRaunetError } from '../lib/errors';
import type { LogFields, LogLevel } from '../lib/log';
import type { Measurements } from '../mask/types';
import type { AnalysisStage, PipelineLimits } from '../pipeline';
import type { Heading } from '../result/picture/contact-sheet';
import type { RgbImage } from '../result/picture/image';
import type { EncodedObject, Refusal, ResultContext } from '../result/types';
import type { Sender } from '../series/slices';
import type { Warning } from '../series/types';
import type { Preprocessing } from '../tensor/types';

/** What a thread is started for; everything here can be cloned. */
export type Task = {
  /** Paths of the files of one series. */
  files: readonly string[];
  sender: Sender;
} & (
  | {
      kind: 'analyse';
      model: { preprocessing: Preprocessing; batchSize: number };
      limits: PipelineLimits & { decodeThreads: number; decodeSeconds: number };
      /** Also the pictures of `Analysed`, under this heading. */
      pictures: Heading | null;
    }
  | { kind: 'refuse'; refusal: Reason; context: ResultContext }
);

export type Reason = Pick<Refusal, 'outcome' | 'code' | 'sentence'>;

export interface Analysed {
  measurements: Measurements;
  warnings: readonly Warning[];
  objects: EncodedObject[];
  /** For people and programs that read no DICOM; null where nobody asked. */
  pictures: { overview: RgbImage; mask: Uint8Array[]; rows: number; columns: number } | null;
}

/** What a thread asks of the one that started it, and gets as an answer. */
export interface Questions {
  report: { asks: { stage: AnalysisStage; done: number }; gets: undefined };
  classify: { asks: { images: Float32Array; n: number }; gets: Uint8Array };
  /** The measurements stand: what do the results need? */
  context: { asks: { warnings: readonly Warning[] }; gets: ResultContext };
}

export type Question = {
  [Name in keyof Questions]: { kind: 'question'; id: number; name: Name; asks: Questions[Name]['asks'] };
}[keyof Questions];

export type FromThread =
  | Question
  | { kind: 'log'; level: LogLevel; message: string; fields: LogFields }
  | { kind: 'analysed'; analysed: Analysed }
  | { kind: 'refused'; objects: EncodedObject[] }
  | { kind: 'failed'; error: PlainError };

export type ToThread = { id: number; value: unknown } | { id: number; error: PlainError };

/** An error that can be cloned: classes do not cross threads. */
export interface PlainError {
  code: ErrorCode;
  context: ErrorContext;
  cause: string | undefined;
}

export function plainError(thrown: unknown): PlainError {
  const { code, context, cause } = toRaunetError(thrown);
  const why = cause instanceof Error ? (cause.stack ?? cause.message) : cause;
  return { code, context: { ...context }, cause: why === undefined ? undefined : String(why) };
}

export const errorOf = ({ code, context, cause }: PlainError): RaunetError =>
  new RaunetError(code, context, cause === undefined ? undefined : { cause });
