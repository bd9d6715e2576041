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

/** One that `refill` knows again by its key. */
export function keyed(key, tag, ...children) {
  const element = make(tag, {}, ...children);
  element.dataset.key = key;
  return element;
}

const HANDLERS = ['onclick', 'onchange'];
const keyOf = (node) => node.dataset?.key;

/**
 * Lets an element hold these children. What is there already stays, with focus, selection and an open menu, and is not
 * told again by a screen reader: rows are known by their `data-key`, everything else by its place. Handlers must ask the
 * event for its element: the one they were made with may never be shown.
 */
export function refill(parent, ...children) {
  const fresh = children
    .filter((child) => child !== null && child !== '')
    .map((child) => (typeof child === 'string' ? new Text(child) : child));
  const keys = new Set(fresh.map(keyOf));
  for (const old of [...parent.childNodes]) if (keyOf(old) && !keys.has(keyOf(old))) old.remove();
  let at = parent.firstChild;
  for (const node of fresh) {
    const old = at;
    const same = old !== null && old.nodeName === node.nodeName && keyOf(old) === keyOf(node);
    if (same || (old !== null && !keyOf(node))) at = old.nextSibling;
    if (same) bring(old, node);
    else if (old !== null && !keyOf(node)) old.replaceWith(node);
    else parent.insertBefore(node, old);
  }
  while (at !== null) {
    const old = at;
    at = at.nextSibling;
    old.remove();
  }
}

/** Makes a node like a fresh one of its kind. */
function bring(old, fresh) {
  if (old === fresh) return;
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes)
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const name of HANDLERS) old[name] = fresh[name];
  refill(old, ...fresh.childNodes);
  if (old.localName === 'select' && old !== document.activeElement) old.value = fresh.value;
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
