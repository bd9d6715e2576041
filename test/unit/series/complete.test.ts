import { type Arrival, isComplete } from '../../../src/series/complete';

const last = new Date('2020-04-10T12:00:00Z');
const after = (seconds: number) => new Date(last.getTime() + seconds * 1000);
const arrival = (changes: Partial<Arrival>): Arrival => ({
  received: 60,
  expected: null,
  lastReceivedAt: last,
  associationEnded: false,
  ...changes,
});

test('complete when quiet for the configured time after the last instance', () => {
  expect(isComplete(arrival({}), 10, after(9.9))).toEqual({
    complete: false,
    reason: '60 instances, still arriving',
    lookAgainAt: after(10),
  });
  expect(isComplete(arrival({}), 10, after(10))).toEqual({
    complete: true,
    reason: '60 instances, quiet for 10 s',
    lookAgainAt: null,
  });
});

test('sooner when the association ended and the expected count is reached', () => {
  expect(isComplete(arrival({ expected: 60, associationEnded: true }), 10, after(0)).complete).toBe(true);
  expect(isComplete(arrival({ expected: 60 }), 10, after(0)).complete).toBe(false);
  expect(isComplete(arrival({ expected: 61, associationEnded: true }), 10, after(0)).complete).toBe(false);
  expect(isComplete(arrival({ associationEnded: true }), 10, after(0)).complete).toBe(false);
});

// Found by test/faults/faults.test.ts: such a series waited for a day.
test('a clock that was set back does not make the series wait until the old time comes again', () =>
  expect(isComplete(arrival({}), 10, after(-86_400))).toMatchObject({
    complete: false,
    lookAgainAt: after(-86_390),
  }));

test('an expected count that is never reached does not hold the series for ever, and is told', () =>
  expect(isComplete(arrival({ expected: 61 }), 10, after(10))).toMatchObject({
    complete: true,
    reason: '60 of 61 expected instances, quiet for 10 s',
  }));
