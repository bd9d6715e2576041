import { readFileSync } from 'node:fs';
import { LineCounter, parseDocument, type Document } from 'yaml';
import { RaunetError } from '../lib/errors';
import { combinationProblems } from './combinations';
import { environmentOverrides, variableOf } from './environment';
import type { Problem } from './problem';
import { type Config, configSchema } from './schema';

/**
 * Reads a YAML file, lays the environment over it and checks everything at once.
 * Without a file: the defaults. Throws RAUNET_CONFIG naming every problem with its line.
 */
export function loadConfig(file: string | null, environment: NodeJS.ProcessEnv = {}): Config {
  const lines = new LineCounter();
  const document = parseDocument(file === null ? '' : read(file), {
    lineCounter: lines,
    prettyErrors: false,
  });
  if (document.errors.length > 0) {
    throw refused(
      document.errors.map((e) => `line ${lines.linePos(e.pos[0]).line}: ${e.message}`),
      file,
    );
  }
  const { overrides, problems } = environmentOverrides(environment);
  const given = laidOver(withoutEmpty(valuesOf(document, file)), overrides);
  const parsed = configSchema.safeParse(given);
  if (parsed.success) problems.push(...combinationProblems(parsed.data));
  else problems.push(...parsed.error.issues.flatMap(asProblems));
  if (problems.length > 0) {
    throw refused(
      problems.map((problem) => `${where(problem, document, lines, environment)}${problem.message}`),
      file,
    );
  }
  return deepFrozen(parsed.data as Config);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new RaunetError(
      'RAUNET_CONFIG',
      { detail: `${file} cannot be read: ${(cause as NodeJS.ErrnoException).code}` },
      { cause },
    );
  }
}

const refused = (sentences: string[], file: string | null): RaunetError =>
  new RaunetError('RAUNET_CONFIG', {
    detail: `${file ?? 'environment'}: ${sentences.length} problem${sentences.length > 1 ? 's' : ''}\n  ${sentences.join('\n  ')}\n`,
  });

function asProblems(issue: {
  code: string;
  path: PropertyKey[];
  message: string;
  keys?: string[];
}): Problem[] {
  const path = issue.path as (string | number)[];
  if (issue.code !== 'unrecognized_keys') return [{ path, message: issue.message }];
  return (issue.keys ?? []).map((key) => ({ path: [...path, key], message: 'unknown key' }));
}

/** "line 12, association.port: " or "RAUNET_ASSOCIATION_PORT: ". */
function where(
  { path }: Problem,
  document: Document,
  lines: LineCounter,
  environment: NodeJS.ProcessEnv,
): string {
  const name = variableOf(path);
  if (environment[name] !== undefined) return `${name}: `;
  for (let depth = path.length; depth > 0; depth -= 1) {
    const node = document.getIn(path.slice(0, depth), true) as
      | { range?: [number, number, number] }
      | undefined;
    if (node?.range) return `line ${lines.linePos(node.range[0]).line}, ${path.join('.')}: `;
  }
  return path.length > 0 ? `${path.join('.')}: ` : '';
}

/** Aliases are followed here: to nowhere, or without end. */
function valuesOf(document: Document, file: string | null): Tree {
  try {
    return (document.toJS() as Tree | null) ?? {};
  } catch (error) {
    throw refused([(error as Error).message], file);
  }
}

type Tree = { [key: string]: unknown };

function laidOver(base: Tree, over: Tree): Tree {
  const merged: Tree = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = merged[key];
    const both = isTree(below) && isTree(value);
    merged[key] = both ? laidOver(below, value) : value;
  }
  return merged;
}

/** A section whose keys are all commented out is null in YAML: it keeps its defaults. */
const withoutEmpty = (tree: Tree): Tree =>
  Object.fromEntries(Object.entries(tree).filter(([, value]) => value !== null));

const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function deepFrozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFrozen);
    Object.freeze(value);
  }
  return value;
}
