import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';

/** The unprivileged user that PostgreSQL runs as where the service itself runs as root: PostgreSQL refuses root. */
export interface Account {
  uid: number;
  gid: number;
}

/** Without any of these in the system, root cannot run the embedded server. */
const USERS = ['raunet', 'nobody'];

/**
 * Null where the service is no root: then PostgreSQL runs as the service does. Otherwise the user that already owns
 * one of `folders` (looked at in order), or the first of `raunet` and `nobody` that exists; undefined without any.
 */
export async function databaseAccount(folders: string[]): Promise<Account | null | undefined> {
  if (process.getuid?.() !== 0) return null;
  for (const folder of folders) {
    const owner = await stat(folder).catch(() => null);
    if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  }
  for (const name of USERS) {
    const account = await lookUp(name);
    if (account) return account;
  }
  return undefined;
}

async function lookUp(name: string): Promise<Account | null> {
  try {
    const id = async (flag: string) => Number((await promisify(execFile)('id', [flag, name])).stdout);
    return { uid: await id('-u'), gid: await id('-g') };
  } catch {
    return null;
  }
}

/** Whether the account may enter `path` (a folder, or the folders above a file), judged by the permission bits. */
export async function mayEnter(path: string, account: Account): Promise<boolean> {
  for (let at = path; ; at = dirname(at)) {
    const { mode, uid, gid } = await stat(at);
    const search = uid === account.uid ? 0o100 : gid === account.gid ? 0o010 : 0o001;
    if ((mode & search) === 0) return false;
    if (dirname(at) === at) return true;
  }
}
