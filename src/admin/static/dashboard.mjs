// The dashboard: reads the API of openapi.yaml every few seconds.

import { openDetail, showDetail } from './detail.mjs';
import {
  ask,
  at,
  ENDINGS,
  images,
  keyed,
  make,
  pill,
  progressOf,
  refill,
  STAGES,
  time,
  tone,
  withoutUid,
} from './dom.mjs';
import { showSession, watchSignIn } from './session.mjs';
import { showTokens } from './tokens.mjs';

const REFRESH_MS = 3000;
const PAGE = 50;

const filter = { state: '', since: '', study: '' };
let pages = 1;

const shortUid = (uid) => (uid.length > 22 ? `…${uid.slice(-18)}` : uid);
const gigabytes = (bytes) => `${(bytes / 1e9).toFixed(1)} GB`;

async function showReadiness() {
  const [health, ready] = await Promise.all([ask('/health'), ask('/ready')]);
  refill(at('version'), `version ${health.version}`);
  const tones = { ready: 'good', degraded: 'warn', 'not ready': 'bad' };
  const status = at('status');
  refill(status, ready.status);
  status.className = `pill ${tones[ready.status]}`;
  document.title = ready.status === 'ready' ? 'Raunet PACS' : `${ready.status} · Raunet PACS`;

  const wrong = ready.parts.filter(({ ok }) => !ok);
  refill(
    at('readiness-line'),
    wrong.length === 0
      ? `all ${ready.parts.length} parts work`
      : `${wrong.length} of ${ready.parts.length} parts do not work`,
  );
  if (wrong.length > 0 && status.dataset.opened !== ready.status) at('readiness').open = true;
  status.dataset.opened = ready.status;
  refill(
    at('parts'),
    ...ready.parts.map(({ name, ok, required, reason }) =>
      make(
        'tr',
        {},
        make(
          'td',
          {},
          ok ? pill('OK', 'good') : pill(required ? 'not working' : 'not reached', required ? 'bad' : 'warn'),
        ),
        make('td', {}, name),
        make('td', {}, reason),
      ),
    ),
  );
}

async function showSummary() {
  const { series, queues, diskFreeBytes } = await ask('/api/summary');
  const box = (state) => {
    const count = series[state] ?? 0;
    const button = make(
      'button',
      { type: 'button', onclick: () => setFilter('state', filter.state === state ? '' : state) },
      make('b', { className: count > 0 ? tone(state) : '' }, String(count)),
      make('span', {}, state),
    );
    button.setAttribute('aria-pressed', String(filter.state === state));
    return make('li', { className: count > 0 ? '' : 'none' }, button);
  };
  refill(at('stages'), ...STAGES.map(box));
  refill(at('endings'), ...ENDINGS.map(box));
  const lines = queues.map(({ queue, waiting, active }) => `${queue}: ${waiting} waiting, ${active} at work`);
  refill(at('queues'), [...lines, `disk: ${gigabytes(diskFreeBytes)} free`].join('  ·  '));
}

function listPath(cursor) {
  const query = new URLSearchParams({ limit: String(PAGE) });
  if (filter.state) query.set('state', filter.state);
  if (filter.study) query.set('study', filter.study);
  if (filter.since) query.set('since', new Date(Date.now() - filter.since * 1000).toISOString());
  if (cursor) query.set('cursor', cursor);
  return `/api/series?${query}`;
}

async function showList() {
  const rows = [];
  let cursor = null;
  for (let page = 0; page < pages; page++) {
    const answer = await ask(listPath(cursor));
    rows.push(...answer.series);
    cursor = answer.nextCursor;
    if (cursor === null) break;
  }
  refill(at('list'), ...rows.map(row));
  at('empty').hidden = rows.length > 0;
  at('more').hidden = cursor === null;
}

const row = (series) =>
  keyed(
    series.seriesUid,
    'tr',
    make('td', {}, time(series.firstReceivedAt)),
    make(
      'td',
      {},
      make('button', {
        type: 'button',
        className: 'link uid',
        title: series.seriesUid,
        textContent: shortUid(series.seriesUid),
        onclick: () => show(series.seriesUid),
      }),
    ),
    make('td', {}, pill(series.state, tone(series.state)), progressOf(series)),
    make('td', {}, images(series)),
    make('td', {}, series.priority),
    make('td', {}, series.callingAe),
    make(
      'td',
      {},
      make(
        'div',
        { className: 'two-lines', title: series.reason ?? '' },
        withoutUid(series.reason, series.seriesUid),
      ),
    ),
  );

const changed = () => guarded(refresh);

function show(uid) {
  openDetail(uid);
  guarded(() => showDetail(changed));
}

function setFilter(name, value) {
  filter[name] = value;
  at(name).value = value;
  pages = 1;
  guarded(refresh);
}

/** Runs and says what went wrong, in front of all else, instead of leaving old figures without a word. */
async function guarded(work) {
  try {
    await work();
    notify('');
  } catch (error) {
    const gone = error instanceof TypeError || error.name === 'TimeoutError';
    notify(gone ? 'The service does not answer. What you see is old.' : error.message);
    if (gone) {
      refill(at('status'), 'no answer');
      at('status').className = 'pill bad';
    }
  }
}

/** Behind an open dialog nothing can be read. */
function notify(text) {
  for (const name of ['notice', 'detail-notice']) {
    const here = text !== '' && at('detail').open === (name === 'detail-notice');
    refill(at(name), here ? text : '');
    at(name).hidden = !here;
  }
}

async function refresh() {
  const known = await showSession();
  const done = await Promise.allSettled(
    known
      ? [showReadiness(), showSummary(), showList(), showDetail(changed), showTokens()]
      : [showReadiness()],
  );
  const failed = done.find(({ status }) => status === 'rejected');
  if (failed) throw failed.reason;
}

watchSignIn(changed);
for (const state of [...STAGES, ...ENDINGS]) at('state').append(make('option', { value: state }, state));
for (const name of ['state', 'since']) at(name).onchange = (event) => setFilter(name, event.target.value);
at('study').onchange = (event) => setFilter('study', event.target.value.trim());
at('more').onclick = () => {
  pages += 1;
  guarded(showList);
};
if (/^#[0-9.]{1,64}$/.test(location.hash)) openDetail(location.hash.slice(1)); // watch() fills it

async function watch() {
  for (;;) {
    if (!document.hidden) await guarded(refresh);
    await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
  }
}
watch();
