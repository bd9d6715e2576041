// The tokens, for admins.

import { ask, at, keyed, make, refill, send, time } from './dom.mjs';
import { may } from './session.mjs';

export async function showTokens() {
  at('tokens').hidden = !may('admin');
  if (!may('admin') || !at('tokens').open) return;
  const { tokens } = await ask('/api/tokens');
  refill(
    at('token-list'),
    ...tokens.map(({ name, role, createdAt, expiresAt }) =>
      keyed(
        name,
        'tr',
        make('td', {}, name),
        make('td', {}, role),
        make('td', {}, 'made ', time(createdAt)),
        make('td', {}, ...(expiresAt === null ? ['until revoked'] : ['until ', time(expiresAt)])),
        make(
          'td',
          {},
          make('button', { type: 'button', textContent: 'Revoke', onclick: () => revoke(name) }),
        ),
      ),
    ),
  );
}

async function said(work) {
  const line = at('tokens-said');
  let [words, className] = [[], 'good'];
  try {
    words = await work();
  } catch (error) {
    [words, className] = [[error.message], 'bad'];
  }
  try {
    // First: who reads that it is done sees it done.
    await showTokens();
  } finally {
    line.replaceChildren(...words);
    line.className = className;
  }
}

const revoke = (name) =>
  confirm(`Revoke ${name}? Whatever uses it is refused from now on.`) &&
  said(async () => [(await send('DELETE', `/api/tokens/${name}`)).sentence]);

at('tokens').ontoggle = () => said(async () => []);
at('new-token').onsubmit = (event) => {
  event.preventDefault();
  said(async () => {
    const { name, token } = await send('POST', '/api/tokens', {
      name: at('new-token-name').value,
      role: at('new-token-role').value,
    });
    at('new-token-name').value = '';
    return [`${name}, shown only now: `, make('code', { className: 'uid' }, token)];
  });
};
