import { appendFileSync } from 'node:fs';
import { randomOf } from '../../src/demo/phantom/noise';

/** Of the command line, see run.ts; null: the short form. */
export const ROUNDS: number | null = process.env['FAULTS_ROUNDS']
  ? Number(process.env['FAULTS_ROUNDS'])
  : null;

/** Of the command line, for parts that go on for a time; null: the short form. */
export const MINUTES: number | null = process.env['FAULTS_MINUTES']
  ? Number(process.env['FAULTS_MINUTES'])
  : null;

/** Of the command line, or a random one; run.ts prints it. */
export const SEED = Number(process.env['FAULTS_SEED'] ?? 1);

export interface Random {
  /** 0 <= x < 1 */
  next(): number;
  /** A whole number, from <= n < to. */
  between(from: number, to: number): number;
  pick<T>(choices: readonly T[]): T;
}

/** The same seed and name, the same numbers. */
export function random(name: string): Random {
  const next = randomOf([...name].reduce((hash, letter) => (hash * 31 + letter.charCodeAt(0)) | 0, SEED));
  const between = (from: number, to: number): number => from + Math.floor(next() * (to - from));
  return { next, between, pick: (choices) => choices[between(0, choices.length)]! };
}

/** A line of the table that `npm run test:faults` ends with, and that docs/RELIABILITY.md quotes. */
export function figure(what: string, counted: number | string): void {
  const to = process.env['FAULTS_FIGURES'];
  if (to === undefined) process.stdout.write(`    ${what}: ${counted}\n`);
  else appendFileSync(to, `${JSON.stringify([what, counted])}\n`);
}
