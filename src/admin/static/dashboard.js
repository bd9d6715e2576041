// The dashboard: reads the API of openapi.yaml every few seconds. Text only ever goes in as text, never as HTML.

const STAGES = ['spool', 'series', 'volume', 'tensor', 'inference', 'mask', 'result', 'delivery'];
const ENDINGS = ['done', 'refused', 'failed', 'cancelled'];
const TONE = { done: 'good', refused: 'warn', failed: 'bad', cancelled: 'quiet' };
const REFRESH_MS = 3000;
const PAGE = 50;

const at = (id) => document.getElementById(id);
const filter = { state: '', since: '', study: '' };
let pages = 1;
let openUid = null;

/** An element with properties and children; strings become text. */
function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((child) => child !== null));
  return element;
}

const time = (iso) => {
  const date = new Date(iso);
  const today = date.toDateString() === new Date().toDateString();
  return make('time', {
    dateTime: iso,
    title: date.toLocaleString(),
    textContent: today ? date.toLocaleTimeString() : date.toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' }),
  });
};
const pill = (text, tone) => make('span', { className: `pill ${tone}` }, text);
const shortUid = (uid) => (uid.length > 22 ? `…${uid.slice(-18)}` : uid);
/** A reason without the UID of the series beside which it stands. */
const withoutUid = (reason, uid) =>
  (reason ?? '').replace(` (series ${uid})`, '').replace(`; series ${uid}`, '').replace(`series ${uid}; `, '');
const tone = (state) => TONE[state] ?? 'busy';
const gigabytes = (bytes) => `${(bytes / 1e9).toFixed(1)} GB`;

/** JSON of an answer; throws an Error with the sentence of a problem. 503 of /ready is an answer too. */
async function ask(path, options) {
  const response = await fetch(path, { signal: AbortSignal.timeout(8000), ...options });
  const body = await response.json();
  if (!response.ok && body.code) throw new Error(body.detail);
  return body;
}

const act = (uid, action, body = {}) =>
  ask(`/api/series/${uid}/${action}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });

async function showReadiness() {
  const [health, ready] = await Promise.all([ask('/health'), ask('/ready')]);
  at('version').textContent = `version ${health.version}`;
  const tones = { ready: 'good', degraded: 'warn', 'not ready': 'bad' };
  const status = at('status');
  status.textContent = ready.status;
  status.className = `pill ${tones[ready.status]}`;
  document.title = ready.status === 'ready' ? 'Raunet PACS' : `${ready.status} · Raunet PACS`;

  const wrong = ready.parts.filter(({ ok }) => !ok);
  at('readiness-line').textContent =
    wrong.length === 0 ? `all ${ready.parts.length} parts work` : `${wrong.length} of ${ready.parts.length} parts do not work`;
  if (wrong.length > 0 && status.dataset.opened !== ready.status) at('readiness').open = true;
  status.dataset.opened = ready.status;
  at('parts').replaceChildren(
    ...ready.parts.map(({ name, ok, required, reason }) =>
      make(
        'tr',
        {},
        make('td', {}, ok ? pill('OK', 'good') : pill(required ? 'not working' : 'not reached', required ? 'bad' : 'warn')),
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
  at('stages').replaceChildren(...STAGES.map(box));
  at('endings').replaceChildren(...ENDINGS.map(box));
  const lines = queues.map(({ queue, waiting, active }) => `${queue}: ${waiting} waiting, ${active} at work`);
  at('queues').textContent = [...lines, `disk: ${gigabytes(diskFreeBytes)} free`].join('  ·  ');
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
  at('list').replaceChildren(...rows.map(row));
  at('empty').hidden = rows.length > 0;
  at('more').hidden = cursor === null;
}

const row = (series) =>
  make(
    'tr',
    {},
    make('td', {}, time(series.firstReceivedAt)),
    make(
      'td',
      {},
      make('button', {
        type: 'button',
        className: 'link uid',
        title: series.seriesUid,
        textContent: shortUid(series.seriesUid),
        onclick: () => openDetail(series.seriesUid),
      }),
    ),
    make('td', {}, pill(series.state, tone(series.state)), progressOf(series)),
    make('td', {}, images(series)),
    make('td', {}, series.priority),
    make('td', {}, series.callingAe),
    make('td', {}, make('div', { className: 'two-lines', title: series.reason ?? '' }, withoutUid(series.reason, series.seriesUid))),
  );

const images = ({ instances, expectedInstances }) =>
  expectedInstances === null ? String(instances) : `${instances} of ${expectedInstances}`;

const progressOf = ({ state, progress }) =>
  STAGES.includes(state) && progress > 0 ? make('progress', { value: progress, max: 1, title: `${Math.round(progress * 100)} %` }) : null;

function openDetail(uid) {
  openUid = uid;
  location.hash = uid;
  at('detail-body').replaceChildren();
  if (!at('detail').open) at('detail').showModal();
  guarded(showDetail);
}

async function showDetail() {
  if (openUid === null) return;
  const uid = openUid;
  const body = at('detail-body');
  const { series, history, results, deliveries, conflicts } = await ask(`/api/series/${uid}`);
  if (uid !== openUid) return;
  // An open menu or a focused button must survive the next refresh.
  if (body.contains(document.activeElement) && body.dataset.updated === series.updatedAt) return;
  body.dataset.updated = series.updatedAt;
  const said = body.querySelector('.said') ?? make('p', { className: 'said', role: 'status' });
  body.replaceChildren(
    facts([
      ['Series UID', make('span', { className: 'uid' }, series.seriesUid)],
      ['Study UID', make('span', { className: 'uid' }, series.studyUid)],
      ['State', make('span', {}, pill(series.state, tone(series.state)), progressOf(series))],
      ['Reason', withoutUid(series.reason, uid)],
      ['Images', images(series)],
      ['From', `${series.callingAe} (${series.callingAddress}) to ${series.calledAe}`],
      ['Received', make('span', {}, time(series.firstReceivedAt), ' to ', time(series.lastReceivedAt))],
      ['Analyses', String(series.revision)],
      ['Files', series.erasedAt === null ? null : make('span', {}, 'erased by retention ', time(series.erasedAt))],
      ['Conflicts', conflicts.length === 0 ? null : `${conflicts.length} came twice with other bytes; the first ones count`],
    ]),
    actions(series, said),
    said,
    make('h3', {}, 'History'),
    table(history, ({ at: when, state, sentence, actor }) => [
      time(when),
      pill(state, tone(state)),
      `${withoutUid(sentence, uid)}${actor === 'operator' ? ' (operator)' : ''}`,
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
          make('span', {}, `${destination} `, pill(state, { sent: 'good', dead: 'bad', superseded: 'quiet' }[state] ?? 'busy')),
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
    make('tbody', {}, ...items.map((item) => make('tr', {}, ...cells(item).map((cell) => make('td', {}, cell))))),
  );

function actions({ seriesUid, state, priority }, said) {
  const ended = ENDINGS.includes(state);
  const tell = async (work) => {
    try {
      said.textContent = (await work).sentence;
      said.className = 'said good';
    } catch (error) {
      said.textContent = error.message;
      said.className = 'said bad';
    }
    document.activeElement?.blur();
    guarded(refresh);
  };
  const select = make(
    'select',
    { disabled: ended, onchange: () => tell(act(seriesUid, 'priority', { priority: select.value })) },
    ...['stat', 'urgent', 'routine'].map((value) => make('option', { value, selected: value === priority }, value)),
  );
  return make(
    'div',
    { className: 'actions' },
    make('button', { type: 'button', onclick: () => tell(act(seriesUid, 'retry')) }, 'Retry'),
    make(
      'button',
      {
        type: 'button',
        disabled: ended,
        onclick: () => confirm('Stop work on this series? What was received is kept.') && tell(act(seriesUid, 'cancel')),
      },
      'Cancel',
    ),
    make('label', {}, 'Priority ', select),
  );
}

function setFilter(name, value) {
  filter[name] = value;
  at(name).value = value;
  pages = 1;
  guarded(refresh);
}

/** Runs and says what went wrong, instead of leaving old figures without a word. */
async function guarded(work) {
  const notice = at('notice');
  try {
    await work();
    notice.hidden = true;
  } catch (error) {
    const gone = error instanceof TypeError || error.name === 'TimeoutError';
    notice.textContent = gone ? 'The service does not answer. What you see is old.' : error.message;
    notice.className = 'bad';
    notice.hidden = false;
    if (gone) {
      at('status').textContent = 'no answer';
      at('status').className = 'pill bad';
    }
  }
}

async function refresh() {
  const done = await Promise.allSettled([showReadiness(), showSummary(), showList(), showDetail()]);
  const failed = done.find(({ status }) => status === 'rejected');
  if (failed) throw failed.reason;
}

for (const state of [...STAGES, ...ENDINGS]) at('state').append(make('option', { value: state }, state));
for (const name of ['state', 'since']) at(name).onchange = (event) => setFilter(name, event.target.value);
at('study').onchange = (event) => setFilter('study', event.target.value.trim());
at('more').onclick = () => {
  pages += 1;
  guarded(showList);
};
at('detail').onclose = () => {
  openUid = null;
  history.replaceState(null, '', location.pathname);
};
if (/^#[0-9.]{1,64}$/.test(location.hash)) openDetail(location.hash.slice(1));

for (;;) {
  if (!document.hidden) await guarded(refresh);
  await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
}
