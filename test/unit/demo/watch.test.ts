import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { watchSeries } from '../../../src/demo/watch';

const at = (seconds: number): string => new Date(1_800_000_000_000 + seconds * 1000).toISOString();

test('a series that was done before and came again is timed from when it came again', async () => {
  const history = [
    { at: at(0), state: 'spool' },
    { at: at(3), state: 'series' },
    { at: at(4), state: 'done' },
    { at: at(5000), state: 'spool' },
    { at: at(5002), state: 'series' },
    { at: at(5003), state: 'inference' },
    { at: at(5010), state: 'done' },
  ];
  const server = createServer((_, response) =>
    response.end(JSON.stringify({ series: { state: 'done', progress: 1, reason: null }, history })),
  ).listen(0, '127.0.0.1');
  try {
    await new Promise((done) => server.once('listening', done));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const { seconds } = await watchSeries(url, '1.2.3', () => {});
    expect(seconds).toEqual([
      { state: 'spool', seconds: 2 },
      { state: 'series', seconds: 1 },
      { state: 'inference', seconds: 7 },
    ]);
  } finally {
    await new Promise((done) => server.close(done));
  }
});
