import { receivingRemarks } from '../../../src/steps/receiving-remarks';

const codesOf = (series: Parameters<typeof receivingRemarks>[0]) =>
  receivingRemarks(series).map(({ code }) => code);

test('fewer instances than the PACS has are told with both numbers', () => {
  const [remark] = receivingRemarks({ instances: 142, expectedInstances: 300, conflicts: [] });
  expect(remark).toEqual({
    code: 'FEWER_THAN_EXPECTED',
    sentence: 'Only 142 of the 300 instances that the PACS has of the series were received.',
  });
});

test('nothing is told of a whole series, nor where nobody knows how many there are', () => {
  expect(codesOf({ instances: 300, expectedInstances: 300, conflicts: [] })).toEqual([]);
  expect(codesOf({ instances: 301, expectedInstances: 300, conflicts: [] })).toEqual([]);
  expect(codesOf({ instances: 3, expectedInstances: null, conflicts: [] })).toEqual([]);
});

test('of a UID that came with other bytes it is told that they were left out', () => {
  expect(codesOf({ instances: 3, expectedInstances: 4, conflicts: ['1.2.3', '1.2.4'] })).toEqual([
    'FEWER_THAN_EXPECTED',
    'CONFLICTING_INSTANCE',
  ]);
});
