import { hostname, userInfo } from 'node:os';
import { makeToken, newToken } from '../admin/access/new-token';
import type { Config } from '../config/schema';
import { toRaunetError } from '../lib/errors';
import { type Actor, userStore } from '../records/users';
import { EXIT, type ExitCode } from './exit-codes';
import { table } from './table';
import { withRecords } from './with-records';

/** Who has the shell, as the system names them. A container may have an id without a name. */
function shellUser(): Actor {
  let name: string;
  try {
    name = userInfo().username;
  } catch {
    name = String(process.getuid?.());
  }
  return { name: `${name} by raunet token`, address: hostname() };
}

type Store = ReturnType<typeof userStore>;

/** `raunet token ...`: whoever may read the data folder, or knows the database, may give access. A running service need not stop. */
async function withTokens(
  config: Config,
  print: (line: string) => void,
  work: (store: Store) => Promise<ExitCode>,
): Promise<ExitCode> {
  try {
    return await withRecords(config, (pool) => work(userStore(pool)), { beside: true });
  } catch (thrown) {
    print(toRaunetError(thrown).message);
    return EXIT.failed;
  }
}

/** Prints the secret, this once. */
export async function createToken(
  asked: { name: string; role: string; days?: number },
  config: Config,
  print: (line: string) => void,
): Promise<ExitCode> {
  const { data, error } = newToken.safeParse(asked);
  if (error !== undefined) {
    for (const { path, message } of error.issues) print(`--${path.join('.')}: ${message}`);
    return EXIT.usage;
  }
  return withTokens(config, print, async (store) => {
    const { secret, role, expiresAt } = await makeToken(store, data, shellUser());
    print(
      `${data.name}, ${role}, ${expiresAt === null ? 'until it is revoked' : `until ${expiresAt.toISOString()}`}.`,
    );
    print('Only now is it shown; every machine of this database takes it within two seconds:');
    print(secret);
    return EXIT.ok;
  });
}

export const listTokens = (config: Config, print: (line: string) => void): Promise<ExitCode> =>
  withTokens(config, print, async (store) => {
    const rows = (await store.tokens()).map(({ name, role, createdAt, expiresAt }) => [
      name,
      role,
      createdAt.toISOString(),
      expiresAt?.toISOString() ?? 'never',
    ]);
    print(rows.length === 0 ? 'There are no tokens.' : table(['name', 'role', 'made', 'ends'], rows));
    return EXIT.ok;
  });

export const revokeToken = (name: string, config: Config, print: (line: string) => void): Promise<ExitCode> =>
  withTokens(config, print, async (store) => {
    const found = await store.removeToken(name, shellUser());
    print(
      found
        ? `${name} is revoked, and the sessions begun with it have ended.`
        : `No token is called "${name}"; see \`raunet token list\`.`,
    );
    return found ? EXIT.ok : EXIT.failed;
  });
