import { setTimeout as sleep } from 'node:timers/promises';
import { STAGES } from '../lib/stages';

/** What the admin API tells of a series, as far as the demo shows it. */
export interface SeriesStatus {
  state: string;
  reason: string | null;
  /** Seconds spent in each state, in order. */
  seconds: { state: string; seconds: number }[];
}

interface Answer {
  series: { state: string; progress: number; reason: string | null };
  history: { at: string; state: string }[];
}

const ENDS = ['done', 'refused', 'failed', 'cancelled'];
const GIVE_UP_SECONDS = 1800;

/** Follows a series over the admin API until it ends. */
export async function watchSeries(
  adminUrl: string,
  seriesUid: string,
  show: (stage: string, done: number) => void,
): Promise<SeriesStatus> {
  const deadline = Date.now() + GIVE_UP_SECONDS * 1000;
  while (Date.now() < deadline) {
    const response = await fetch(`${adminUrl}/api/series/${seriesUid}`, {
      // A kept connection may be closed under the next question.
      headers: { connection: 'close' },
    });
    if (!response.ok) throw new Error(`the admin API answered ${response.status}`);
    const { series, history } = (await response.json()) as Answer;
    const stage = (STAGES as readonly string[]).indexOf(series.state);
    show(series.state, stage < 0 ? 1 : (stage + series.progress) / STAGES.length);
    if (ENDS.includes(series.state))
      return { state: series.state, reason: series.reason, seconds: durations(history) };
    await sleep(250);
  }
  throw new Error(`the series did not end within ${GIVE_UP_SECONDS} s`);
}

/** Since the series was last opened: a demo in the same folder may have sent it before. */
function durations(history: Answer['history']): SeriesStatus['seconds'] {
  const seconds: SeriesStatus['seconds'] = [];
  const ended = history.slice(0, -1).findLastIndex(({ state }) => ENDS.includes(state));
  const current = history.slice(ended + 1);
  current.forEach(({ at, state }, i) => {
    const next = current[i + 1];
    if (next === undefined) return;
    const spent = (Date.parse(next.at) - Date.parse(at)) / 1000;
    const same = seconds.find((entry) => entry.state === state);
    if (same) same.seconds += spent;
    else seconds.push({ state, seconds: spent });
  });
  return seconds;
}
