// What the dashboard is made of. Text only ever goes in as text, never as HTML.

export const STAGES = ['spool', 'series', 'volume', 'tensor', 'inference', 'mask', 'result', 'delivery'];
export const ENDINGS = ['done', 'refused', 'failed', 'cancelled'];
export const TONE = { done: 'good', refused: 'warn', failed: 'bad', cancelled: 'quiet' };

export const at = (id) => document.getElementById(id);

/** An element with properties and children; strings become text. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter((child) => child !== null));
  return element;
}

export const time = (iso) => {
  const date = new Date(iso);
  const today = date.toDateString() === new Date().toDateString();
  return make('time', {
    dateTime: iso,
    title: date.toLocaleString(),
    textContent: today
      ? date.toLocaleTimeString()
      : date.toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' }),
  });
};
export const pill = (text, tone) => make('span', { className: `pill ${tone}` }, text);
/** A reason without the UID of the series beside which it stands. */
export const withoutUid = (reason, uid) =>
  (reason ?? '')
    .replace(` (series ${uid})`, '')
    .replace(`; series ${uid}`, '')
    .replace(`series ${uid}; `, '');
export const tone = (state) => TONE[state] ?? 'busy';

/** JSON of an answer; throws an Error with code and sentence of a problem. 503 of /ready is an answer too. */
export async function ask(path, options) {
  const response = await fetch(path, { signal: AbortSignal.timeout(8000), ...options });
  const body = await response.json();
  if (!response.ok && body.code) throw Object.assign(new Error(body.detail), { code: body.code });
  return body;
}

/** What changes something: a browser sends JSON to its own site only. */
export const send = (method, path, body = {}) =>
  ask(path, { method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

export const images = ({ instances, expectedInstances }) =>
  expectedInstances === null ? String(instances) : `${instances} of ${expectedInstances}`;

export const progressOf = ({ state, progress }) =>
  STAGES.includes(state) && progress > 0
    ? make('progress', { value: progress, max: 1, title: `${Math.round(progress * 100)} %` })
    : null;
