import type { DataSet } from '../../dicom/data-set';

/** DA, TM and DT parts of one moment (PS3.5 6.2). */
export interface Moment {
  date: string;
  time: string;
  /** DT with its offset from UTC: this moment whatever else the object says. */
  dateTime: string;
  /** `2026-11-23 19:05`, for people. */
  text: string;
}

/** `when` on the clock of the source: its time zone where it names one, else that of this process (TZ). */
export function momentOf(when: Date, source: DataSet): Moment {
  const minutes = offsetMinutes(when, source);
  const iso = new Date(when.getTime() + minutes * 60_000).toISOString();
  const date = iso.slice(0, 10).replaceAll('-', '');
  const time = iso.slice(11, 19).replaceAll(':', '');
  return {
    date,
    time,
    dateTime: date + time + offset(minutes),
    text: `${iso.slice(0, 10)} ${iso.slice(11, 16)}`,
  };
}

/** PS3.3 C.12.1.1.8: `+HHMM` or `-HHMM`. */
function offsetMinutes(when: Date, source: DataSet): number {
  const zone = /^([+-])(\d{2})(\d{2})$/.exec(source.string('TimezoneOffsetFromUTC') ?? '');
  if (zone === null) return -when.getTimezoneOffset();
  return (zone[1] === '-' ? -1 : 1) * (Number(zone[2]) * 60 + Number(zone[3]));
}

/** `+HHMM` or `-HHMM`. */
function offset(minutes: number): string {
  const [hours, rest] = [Math.floor(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `${minutes < 0 ? '-' : '+'}${String(hours * 100 + rest).padStart(4, '0')}`;
}
