// Who is signed in, what they may do, and the way in and out.

import { ask, at, send } from './dom.mjs';

const ROLES = ['viewer', 'operator', 'admin'];
const PROBLEMS = {
  RAUNET_UNAUTHENTICATED: 'This token is not known, or has expired.',
  RAUNET_SIGN_IN: 'The sign-in gave no access. Ask an administrator whether your group has a role here.',
  RAUNET_IDENTITY_PROVIDER: 'The identity provider does not answer. A token still signs you in.',
  RAUNET_TOO_MANY_REQUESTS: 'Too many failed sign-ins from this address. Try again in five minutes.',
};

let session = { user: null, role: null, signIn: [] };

export const may = (role) => ROLES.indexOf(session.role) >= ROLES.indexOf(role);

/** Shows the pages, or the way in. False: nobody is signed in. */
export async function showSession() {
  session = await ask('/api/session');
  const { user, role, signIn } = session;
  const known = role !== null;
  at('sign-in').hidden = known;
  at('pages').hidden = !known;
  at('sign-in-oidc').hidden = !signIn.includes('oidc');
  at('user').hidden = at('sign-out').hidden = !known || signIn.length === 0;
  at('user').textContent = `${user}, ${role}`;
  return known;
}

/** changed: after a sign-in. */
export function watchSignIn(changed) {
  const problem = (text) => {
    at('sign-in-problem').textContent = text;
    at('sign-in-problem').hidden = text === '';
  };
  const code = new URLSearchParams(location.search).get('problem');
  if (code !== null) {
    problem(PROBLEMS[code] ?? 'The sign-in failed. The log of the service says why.');
    history.replaceState(null, '', location.pathname);
  }
  at('sign-in-token').onsubmit = async (event) => {
    event.preventDefault();
    const token = at('token').value;
    at('token').value = '';
    try {
      await send('POST', '/api/session', { token });
      problem('');
      changed();
    } catch (error) {
      problem(PROBLEMS[error.code] ?? error.message);
    }
  };
  at('sign-out').onclick = async () => {
    const { continueAt } = await send('DELETE', '/api/session');
    location.assign(continueAt ?? '/');
  };
}
