import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { RaunetError } from '../../../src/lib/errors';
import { until } from '../../fixtures/until';
import { BURST, closeAll, CONTRACT, HANG, images, isAlive, open } from './service';

jest.setTimeout(60_000);
afterEach(closeAll);

describe('a model that works', () => {
  test('answers the class of each pixel, slice by slice', async () => {
    const inference = await open();
    const two = images(0, 2);
    two.set([0.1, 0.3, 0.6, 0.9, 1], 0);
    two.set([0.9, 0.1], 256);
    const classes = await inference.classify(two, 2);
    expect(classes).toHaveLength(512);
    expect([...classes.slice(0, 6)]).toEqual([0, 1, 2, 3, 3, 0]);
    expect([...classes.slice(256, 259)]).toEqual([3, 0, 0]);
  });

  test('answers calls that overlap, each its own', async () => {
    const inference = await open();
    const answers = await Promise.all(
      [0.9, 0.1, 0.6, 0.3].map((value) => inference.classify(images(value), 1)),
    );
    expect(answers.map(([first]) => first)).toEqual([3, 0, 2, 1]);
  });

  test('takes one slice at a time on the CPU, and says what it runs on', async () => {
    const inference = await open();
    expect(inference.batchSize).toBe(1);
    expect(inference.state()).toMatchObject({
      mode: 'ready',
      provider: 'cpu',
      restarts: 0,
      lastFailure: null,
    });
    expect(inference.findings).toEqual([
      { provider: 'cpu', taken: true, reason: expect.stringMatching(/^\d+ ms a slice$/) },
    ]);
  });
});

describe('a model that cannot be used refuses the start', () => {
  test('wrong shapes: RAUNET_MODEL with both shapes', async () => {
    await expect(open({ model: 'half-size' })).rejects.toMatchObject({
      code: 'RAUNET_MODEL',
      message: expect.stringContaining('output mask is uint8 [8,8], not uint8 [16,16]'),
    });
  });

  test('another answer than the golden one: RAUNET_PROVIDER with the share that agrees', async () => {
    await expect(open({ model: 'wrong-answer' })).rejects.toMatchObject({
      code: 'RAUNET_PROVIDER',
      message: expect.stringMatching(/cpu: wrong answer to the self-check: 25\.\d+ % of the pixels agree/),
    });
  });

  test('a file that was altered: RAUNET_MODEL', async () => {
    await expect(open({ model: 'altered' })).rejects.toMatchObject({ code: 'RAUNET_MODEL' });
  });
});

test('providers are tried in order; each that is passed over says why', async () => {
  const inference = await open({ providers: ['tensorrt', 'cuda', 'cpu'] });
  expect(inference.provider).toBe('cpu');
  expect(inference.findings).toEqual([
    { provider: 'tensorrt', taken: false, reason: expect.any(String) },
    { provider: 'cuda', taken: false, reason: expect.any(String) },
    { provider: 'cpu', taken: true, reason: expect.any(String) },
  ]);
});

describe('whatever goes wrong in the process, the next batch finds a fresh one', () => {
  const recovers = async (inference: Awaited<ReturnType<typeof open>>, pid: number) => {
    expect([...(await inference.classify(images(0.6), 1)).slice(0, 1)]).toEqual([2]);
    expect(inference.state()).toMatchObject({ mode: 'ready', restarts: 1 });
    expect(inference.state().pid).not.toBe(pid);
    expect(isAlive(pid)).toBe(false);
  };

  test('a run that hangs is killed: RAUNET_INFERENCE_TIMEOUT', async () => {
    const inference = await open({ timeoutSeconds: 1.5 });
    const pid = inference.state().pid!;
    await expect(inference.classify(images(HANG), 1)).rejects.toMatchObject({
      code: 'RAUNET_INFERENCE_TIMEOUT',
      class: 'transient',
    });
    await recovers(inference, pid);
  });

  test("a run without memory: RAUNET_INFERENCE with the runtime's words", async () => {
    const inference = await open();
    const pid = inference.state().pid!;
    await expect(inference.classify(images(BURST), 1)).rejects.toMatchObject({
      code: 'RAUNET_INFERENCE',
      class: 'transient',
      message: expect.stringMatching(/allocate|memory|bad_alloc/i),
    });
    await recovers(inference, pid);
  });

  test('a process that is killed in mid-run: RAUNET_INFERENCE with the signal', async () => {
    const inference = await open();
    const pid = inference.state().pid!;
    const running = inference.classify(images(HANG), 1);
    setTimeout(() => process.kill(pid, 'SIGKILL'), 300);
    await expect(running).rejects.toMatchObject({
      code: 'RAUNET_INFERENCE',
      message: expect.stringContaining('ended by SIGKILL'),
    });
    await recovers(inference, pid);
  });

  test('a process that is killed between batches is replaced before anyone asks', async () => {
    const inference = await open();
    const pid = inference.state().pid!;
    process.kill(pid, 'SIGKILL');
    await until(
      'a fresh process',
      () => inference.state().restarts === 1 && inference.state().mode === 'ready',
    );
    expect(inference.state().lastFailure).toContain('SIGKILL');
    await recovers(inference, pid);
  });
});

describe('cancelling', () => {
  test('kills a run at once and throws what the signal says', async () => {
    const inference = await open();
    const pid = inference.state().pid!;
    const cancel = new AbortController();
    const why = new RaunetError('RAUNET_CANCELLED', { detail: 'by the operator' });
    const running = inference.classify(images(HANG), 1, cancel.signal);
    setTimeout(() => cancel.abort(why), 300);
    await expect(running).rejects.toBe(why);
    expect(isAlive(pid)).toBe(false);
    expect([...(await inference.classify(images(0.9), 1)).slice(0, 1)]).toEqual([3]);
  });

  test('does not touch the run of another job while waiting in the queue', async () => {
    const inference = await open();
    const pid = inference.state().pid!;
    const cancel = new AbortController();
    const first = inference.classify(images(0.6), 1);
    const second = inference.classify(images(0.9), 1, cancel.signal);
    cancel.abort();
    await expect(second).rejects.toMatchObject({ code: 'RAUNET_CANCELLED' });
    expect((await first)[0]).toBe(2);
    expect(inference.state().pid).toBe(pid);
  });
});

describe('the end', () => {
  test('close ends the process and refuses what comes later', async () => {
    const inference = await open();
    const pid = inference.state().pid!;
    await inference.close();
    expect(isAlive(pid)).toBe(false);
    expect(inference.state()).toMatchObject({ mode: 'closed', pid: null });
    await expect(inference.classify(images(0), 1)).rejects.toMatchObject({ code: 'RAUNET_INFERENCE' });
  });

  test('close in mid-run ends the process and fails the run', async () => {
    const inference = await open();
    const pid = inference.state().pid!;
    const running = inference.classify(images(HANG), 1);
    const refused = expect(running).rejects.toMatchObject({ code: 'RAUNET_INFERENCE' });
    setTimeout(() => void inference.close(), 200);
    await refused;
    await until('the child is gone', () => !isAlive(pid));
    expect(inference.state().mode).toBe('closed');
  });

  test.each([
    ['idle', '0'],
    ['hanging in native code', String(HANG)],
  ])('a child that is %s ends with a parent that is killed', async (_, value) => {
    const script = `
      const { openInference } = require('./src/inference/open');
      const { configSchema } = require('./src/config/schema');
      const inference = configSchema.parse({ inference: { contract: ${JSON.stringify(CONTRACT)}, providers: ['cpu'] } }).inference;
      const log = { debug() {}, info() {}, warn() {}, error() {} };
      openInference({ config: inference, log, root: '/' }).then((opened) => {
        opened.classify(new Float32Array(256).fill(${value}), 1);
        setTimeout(() => console.log(opened.state().pid), 300);
      });`;
    const hook = join(__dirname, '../../fixtures/typescript-hook.cjs');
    const parent = spawn(process.execPath, ['-r', hook, '-e', script], {
      cwd: join(__dirname, '../../..'),
      env: { ...process.env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)));
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await until('the child is gone', () => !isAlive(pid));
  });
});

// Found by test/faults/faults.test.ts: the next process opened whatever lay there, under the old name and sha256.
test('a model file that is replaced while the service runs is refused until it is the old one again', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'raunet-replaced-'));
  try {
    await cp(dirname(CONTRACT), folder, { recursive: true });
    const inference = await open({ contract: join(folder, 'contract.json') });
    const file = join(folder, 'tiny.onnx');
    const original = await readFile(file);
    // A field that no reader knows: the same network, another file.
    await writeFile(file, Buffer.concat([original, Buffer.from([0xa2, 0x3e, 0x01, 0x41])]));
    process.kill(inference.state().pid!, 'SIGKILL');
    await until('the end of the process is noticed', () => inference.state().mode === 'restarting');
    await expect(inference.classify(images(0.9), 1)).rejects.toMatchObject({
      code: 'RAUNET_MODEL',
      class: 'permanent',
    });
    await writeFile(file, original);
    await until('it runs again', () => inference.state().mode === 'ready');
    expect((await inference.classify(images(0.9), 1))[0]).toBe(3);
  } finally {
    await rm(folder, { recursive: true });
  }
});
