// One series: facts, actions, history, results, deliveries.

import {
  ask,
  at,
  ENDINGS,
  images,
  make,
  pill,
  progressOf,
  refill,
  send,
  time,
  tone,
  withoutUid,
} from './dom.mjs';
import { may } from './session.mjs';

let openUid = null;

const act = (uid, action, body) => send('POST', `/api/series/${uid}/${action}`, body);

/** The caller refreshes. */
export function openDetail(uid) {
  openUid = uid;
  location.hash = uid;
  at('detail-body').replaceChildren();
  if (!at('detail').open) at('detail').showModal();
}

at('detail').onclose = () => {
  openUid = null;
  history.replaceState(null, '', location.pathname);
};

/** Nothing where no series is open. `changed` is called after an action. */
export async function showDetail(changed) {
  if (openUid === null) return;
  const uid = openUid;
  const body = at('detail-body');
  const { series, history, results, deliveries, conflicts } = await ask(`/api/series/${uid}`);
  if (uid !== openUid) return;
  const said = body.querySelector('.said') ?? make('p', { className: 'said', role: 'status' });
  refill(
    body,
    facts([
      ['Series UID', make('span', { className: 'uid' }, series.seriesUid)],
      ['Study UID', make('span', { className: 'uid' }, series.studyUid)],
      ['State', make('span', {}, pill(series.state, tone(series.state)), progressOf(series))],
      ['Reason', withoutUid(series.reason, uid)],
      ['Images', images(series)],
      [
        'From',
        `${[series.callingAe, series.callingAddress && `(${series.callingAddress})`].filter(Boolean).join(' ')} to ${series.calledAe}`,
      ],
      ['Received', make('span', {}, time(series.firstReceivedAt), ' to ', time(series.lastReceivedAt))],
      ['Analyses', String(series.revision)],
      [
        'Files',
        series.erasedAt === null ? null : make('span', {}, 'erased by retention ', time(series.erasedAt)),
      ],
      [
        'Conflicts',
        conflicts.length === 0
          ? null
          : `${conflicts.length} came twice with other bytes; the first ones count`,
      ],
    ]),
    may('operator') ? actions(series, said, changed) : '',
    said,
    make('h3', {}, 'History'),
    table(history, ({ at: when, state, sentence }) => [
      time(when),
      pill(state, tone(state)),
      withoutUid(sentence, uid),
    ]),
    make('h3', {}, 'Results'),
    results.length === 0
      ? make('p', { className: 'quiet' }, 'None yet.')
      : table(results, ({ createdAt, kind, sopInstanceUid, revision }) => [
          time(createdAt),
          `${kind}, analysis ${revision}`,
          make('span', { className: 'uid' }, sopInstanceUid),
        ]),
    make('h3', {}, 'Deliveries'),
    deliveries.length === 0
      ? make('p', { className: 'quiet' }, 'None yet.')
      : table(deliveries, ({ destination, state, attempts, reason, updatedAt }) => [
          time(updatedAt),
          make(
            'span',
            {},
            `${destination} `,
            pill(
              state,
              { sent: 'good', delivered: 'good', dead: 'bad', superseded: 'quiet' }[state] ?? 'busy',
            ),
          ),
          `${attempts === 1 ? '1 attempt' : `${attempts} attempts`}${reason ? `. ${withoutUid(reason, uid)}` : ''}`,
        ]),
  );
}

const facts = (pairs) =>
  make(
    'dl',
    {},
    ...pairs
      .filter(([, value]) => value !== null && value !== '')
      .flatMap(([name, value]) => [make('dt', {}, name), make('dd', {}, value)]),
  );

const table = (items, cells) =>
  make(
    'table',
    {},
    make(
      'tbody',
      {},
      ...items.map((item) => make('tr', {}, ...cells(item).map((cell) => make('td', {}, cell)))),
    ),
  );

function actions({ seriesUid, state, priority }, said, changed) {
  const ended = ENDINGS.includes(state);
  const tell = async (work) => {
    try {
      said.textContent = (await work).sentence;
      said.className = 'said good';
    } catch (error) {
      said.textContent = error.message;
      said.className = 'said bad';
    }
    changed();
  };
  const select = make(
    'select',
    {
      disabled: ended,
      onchange: ({ target }) => tell(act(seriesUid, 'priority', { priority: target.value })),
    },
    ...['stat', 'urgent', 'routine'].map((value) =>
      make('option', { value, selected: value === priority }, value),
    ),
  );
  return make(
    'div',
    { className: 'actions' },
    make(
      'button',
      { type: 'button', disabled: !ended, onclick: () => tell(act(seriesUid, 'retry')) },
      'Retry',
    ),
    make(
      'button',
      {
        type: 'button',
        disabled: ended,
        onclick: () =>
          confirm('Stop work on this series? What was received is kept.') && tell(act(seriesUid, 'cancel')),
      },
      'Cancel',
    ),
    make('label', {}, 'Priority ', select),
  );
}
