// A process that does nothing but measure the delay of its own event loop: what it sees is the machine's doing.
const { monitorEventLoopDelay } = require('node:perf_hooks');

const RESOLUTION_MS = 10;
const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delays.enable();
process.on('message', () => process.send(Math.max(0, delays.max / 1e6 - RESOLUTION_MS) / 1000));
process.on('disconnect', () => process.exit());
