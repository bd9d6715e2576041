import type { DataSet } from '../../dicom/data-set';

/** DA, TM and DT parts of one moment (PS3.5 6.2). */
export interface Moment {
  date: string;
  time: string;
  /** `2026-11-23 19:05`, for people. */
  text: string;
}

/** `when` on the clock of the source: its time zone where it names one, else that of this process. */
export function momentOf(when: Date, source: DataSet): Moment {
  const shifted = new Date(when.getTime() + offsetMinutes(when, source) * 60_000);
  const iso = shifted.toISOString();
  return {
    date: iso.slice(0, 10).replaceAll('-', ''),
    time: iso.slice(11, 19).replaceAll(':', ''),
    text: `${iso.slice(0, 10)} ${iso.slice(11, 16)}`,
  };
}

/** PS3.3 C.12.1.1.8: `+HHMM` or `-HHMM`. */
function offsetMinutes(when: Date, source: DataSet): number {
  const zone = /^([+-])(\d{2})(\d{2})$/.exec(source.string('TimezoneOffsetFromUTC') ?? '');
  if (zone === null) return -when.getTimezoneOffset();
  return (zone[1] === '-' ? -1 : 1) * (Number(zone[2]) * 60 + Number(zone[3]));
}
