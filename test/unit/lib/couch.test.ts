import { isCouch } from '../../../src/lib/couch';

const rule = { minWidthMm: 150, aspect: 3 };
const spacingMm = [2, 1] as const;
const box = (rows: number, columns: number) => ({ top: 5, bottom: 5 + rows, left: 7, right: 7 + columns });
const hollow = { lying: box(25, 160), standing: box(80, 50) };

// PS3.3 C.7.3.1.1.2
test.each(['HFS', 'HFP', 'FFS', 'FFP', 'LFP', '', null])(
  '%p: a couch lies from right to left',
  (position) => {
    expect(isCouch(hollow.lying, spacingMm, position, rule)).toBe(true);
    expect(isCouch(hollow.standing, spacingMm, position, rule)).toBe(false);
  },
);

test.each(['HFDR', 'HFDL', 'FFDR', 'FFDL'])('%s: it lies from front to back', (position) => {
  expect(isCouch(hollow.lying, spacingMm, position, rule)).toBe(false);
  expect(isCouch(hollow.standing, spacingMm, position, rule)).toBe(true);
});

test.each<[string, number, number]>([
  ['less wide', 20, 149],
  ['a third as high', 27, 160],
])('%s: no couch', (_, rows, columns) => {
  expect(isCouch(box(rows, columns), spacingMm, 'HFS', rule)).toBe(false);
});
