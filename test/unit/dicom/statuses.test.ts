import { STATUS } from '../../../src/association/statuses';
import { GENERAL_STATUS } from '../../../src/dicom/statuses';

/** The headings of PS3.7 Annex C, by the code that each section sets. */
const ANNEX_C: Record<number, string> = {
  0x0107: 'C.4.2',
  0x0116: 'C.4.3',
  0x0122: 'C.5.6',
  0x0119: 'C.5.7',
  0x0111: 'C.5.8',
  0x0210: 'C.5.9',
  0x0115: 'C.5.10',
  0x0106: 'C.5.11',
  0x0117: 'C.5.12',
  0x0120: 'C.5.13',
  0x0121: 'C.5.14',
  0x0212: 'C.5.15',
  0x0114: 'C.5.16',
  0x0105: 'C.5.17',
  0x0113: 'C.5.18',
  0x0112: 'C.5.19',
  0x0118: 'C.5.20',
  0x0110: 'C.5.21',
  0x0213: 'C.5.22',
  0x0211: 'C.5.23',
  0x0123: 'C.5.24',
  0x0124: 'C.5.25',
};

test('each status has the code and the clause of its section of PS3.7 Annex C, once', () => {
  const statuses = Object.values(GENERAL_STATUS);
  for (const { code, clause } of statuses) expect([code, clause]).toEqual([code, `PS3.7 ${ANNEX_C[code]}`]);
  expect(new Set(statuses.map(({ code }) => code)).size).toBe(statuses.length);
});

test('what we answer with a clause of PS3.7 is of that table', () => {
  for (const { code, meaning, clause } of Object.values(STATUS))
    if (clause.startsWith('PS3.7'))
      expect(Object.values(GENERAL_STATUS)).toContainEqual({ code, meaning, clause });
});
