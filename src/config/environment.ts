import { parseDocument } from 'yaml';
import type { Problem } from './problem';
import { configSchema } from './schema';

/** `association.aeTitle` -> `RAUNET_ASSOCIATION_AE_TITLE`. */
export const variableOf = (path: readonly (string | number)[]): string =>
  `RAUNET_${path.join('_').replace(/([a-z])([A-Z])/g, '$1_$2')}`.toUpperCase();

/** Every key of the configuration that is no section, as its path. */
function leaves(tree: object, path: string[] = []): string[][] {
  return Object.entries(tree).flatMap(([key, value]) => {
    const here = [...path, key];
    const section = typeof value === 'object' && value !== null && !Array.isArray(value);
    return section ? leaves(value, here) : [here];
  });
}

/** Keys without a default do not show in the parsed defaults. */
const WITHOUT_DEFAULT = [
  ['series', 'queryDestination'],
  ['inference', 'model'],
  ['database', 'url'],
  ['association', 'tls', 'certificate'],
  ['association', 'tls', 'key'],
  ['association', 'tls', 'ca'],
  ['audit', 'name'],
  ...['host', 'port', 'ca', 'certificate', 'key', 'serverName'].map((key) => ['audit', 'syslog', key]),
  ['admin', 'publicUrl'],
  ['admin', 'tls', 'certificate'],
  ['admin', 'tls', 'key'],
  ['admin', 'oidc', 'issuer'],
  ['admin', 'oidc', 'clientId'],
  ['admin', 'oidc', 'clientSecretFile'],
  ['admin', 'oidc', 'scope'],
  ['admin', 'oidc', 'roleClaim'],
  ['admin', 'oidc', 'roles'],
];

/**
 * RAUNET_<SECTION>_<KEY> for every key, its value read as YAML (so lists work: `[{name: pacs, ...}]`),
 * and DATABASE_URL for database.url. An unknown RAUNET_ variable is a problem, not a silence.
 */
export function environmentOverrides(environment: NodeJS.ProcessEnv): {
  overrides: { [key: string]: unknown };
  problems: Problem[];
} {
  const known = new Map(
    [...leaves(configSchema.parse({})), ...WITHOUT_DEFAULT].map((path) => [variableOf(path), path]),
  );
  known.set('DATABASE_URL', ['database', 'url']);
  const overrides: { [key: string]: unknown } = {};
  const problems: Problem[] = [];
  for (const [name, text] of Object.entries(environment)) {
    if (isServiceLink(name, text)) continue;
    const path = known.get(name);
    if (path !== undefined && text !== undefined)
      try {
        set(overrides, path, valueOf(text));
      } catch (error) {
        problems.push({ path, message: `is no YAML: ${(error as Error).message}` });
      }
    else if (name.startsWith('RAUNET_') && !NOT_CONFIG.has(name)) {
      problems.push({ path: [], message: `${name}: no configuration key has this name` });
    }
  }
  return { overrides, problems };
}

/** Throws what is wrong with it, without the text itself: it may be a password. */
function valueOf(text: string): unknown {
  const document = parseDocument(text, { prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) throw error;
  return document.toJS();
}

/**
 * Kubernetes tells a pod of the Services in its namespace by variables. Those of one called raunet look like ours, and
 * those of raunet-admin hold an address where admin.port has a number.
 */
const isServiceLink = (name: string, text = ''): boolean =>
  /_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/.test(name) ||
  (name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(text));

/** The file itself, which the commands take as --config; and what tests and training know. */
const NOT_CONFIG = new Set(['RAUNET_CONFIG', 'RAUNET_SHARED']);

function set(tree: { [key: string]: unknown }, [key, ...rest]: string[], value: unknown): void {
  if (key === undefined) return;
  if (rest.length === 0) tree[key] = value;
  else {
    tree[key] ??= {};
    set(tree[key] as { [key: string]: unknown }, rest, value);
  }
}
