import { rejection, storeStatus } from '../../../src/delivery/status';
import { ERRORS } from '../../../src/lib/error-codes';

test('of all 65536 statuses only Success, the warnings of PS3.7 and a duplicate mean stored', () => {
  const stored = Array.from({ length: 0x10000 }, (_, status) => status).filter((s) => !storeStatus(s).error);
  const bxxx = Array.from({ length: 0x1000 }, (_, n) => 0xb000 + n);
  expect(stored).toEqual([0x0000, 0x0001, 0x0107, 0x0111, 0x0116, ...bxxx]);
});

test('only what can pass later with the same bytes is transient', () => {
  const transient = (status: number) => ERRORS[storeStatus(status).error!].class === 'transient';
  expect([0xa700, 0xa7ff, 0x0110, 0x0213].every(transient)).toBe(true);
  expect([0xa900, 0xc000, 0x0122, 0x0124, 0x0117, 0x4321].some(transient)).toBe(false);
});

test('the words for a status carry its number', () => {
  expect(storeStatus(0xb006).meaning).toBe('0xB006, data elements were discarded');
});

test('a reserved rejection reason follows the result, and its numbers are told', () => {
  expect(rejection({ result: 1, source: 1, reason: 9 }).code).toBe('RAUNET_ASSOCIATION_REJECTED');
  expect(rejection({ result: 2, source: 1, reason: 9 })).toEqual({
    code: 'RAUNET_ASSOCIATION_BUSY',
    meaning: 'a reserved reason; result 2, source 1, reason 9',
  });
});
