import { readFileSync } from 'node:fs';
import { parseCodes } from '../../../src/config/codes';

const shipped = () => JSON.parse(readFileSync('conf/codes.json', 'utf8'));

test('the shipped codes are used as they are', () => {
  expect(parseCodes(shipped()).classes.map(({ type }) => `${type.scheme} ${type.value}`)).toEqual([
    'DCM 112120',
    'SCT 95436008',
    'SCT 60046008',
  ]);
});

test('every wrong value is named', () => {
  const wrong = shipped();
  wrong.classes[0].index = 2;
  wrong.classes[1].type.value = 'longer than sixteen';
  wrong.classes[2].colour = [0, 114, 256];
  const attempt = () => parseCodes(wrong);
  for (const place of ['classes.0.index', 'classes.1.type.value', 'classes.2.colour.2'])
    expect(attempt).toThrow(place);
});
