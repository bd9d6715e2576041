import { RaunetError } from '../lib/errors';
import type { Log } from '../lib/log';
import { type Child, startChild } from './child-process';
import { type Model, refused } from './contract';
import { providerFileProblem } from './provider-files';
import type { Provider, ProviderFinding } from './types';

/** Load, compile kernels or engine, a warm-up and three timed runs. A software Vulkan driver would take minutes: not worth the wait. */
const OPEN_MS: Record<Provider, number> = { tensorrt: 600_000, cuda: 180_000, webgpu: 45_000, cpu: 120_000 };

/** A process that has the model open and gave the golden answer. */
interface Opened {
  child: Child;
  provider: Provider;
  millisecondsPerSlice: number;
}

export interface OpenChild extends Opened {
  /** In the order the providers were tried. */
  findings: ProviderFinding[];
}

export interface ChooseDeps {
  model: Model;
  providers: readonly Provider[];
  threads: number;
  log: Log;
  signal: AbortSignal;
}

/**
 * Opens the model on the first provider of the list that loads and gives the golden answer. onnxruntime-node itself
 * falls back to nothing. Each try has a process of its own, since a driver may crash it.
 *
 * Throws RAUNET_MODEL where the model is at fault, RAUNET_PROVIDER with every reason where no provider works.
 */
export async function chooseProvider(deps: ChooseDeps): Promise<OpenChild> {
  const findings: ProviderFinding[] = [];
  const passOver = (provider: Provider, reason: string) => {
    findings.push({ provider, taken: false, reason });
    deps.log.info('provider not taken', { stage: 'inference', provider, reason });
  };
  const take = (opened: Opened): OpenChild => {
    findings.push({ provider: opened.provider, taken: true, reason: pace(opened) });
    return { ...opened, findings };
  };
  for (const [i, provider] of deps.providers.entries()) {
    const opened = await tryOpen(provider, deps);
    if (typeof opened === 'string') {
      passOver(provider, opened);
      continue;
    }
    // A software Vulkan driver passes for a GPU, and is a detour.
    if (provider === 'webgpu' && deps.providers[i + 1] === 'cpu') {
      const cpu = await tryOpen('cpu', deps);
      if (typeof cpu !== 'string' && cpu.millisecondsPerSlice < opened.millisecondsPerSlice) {
        await opened.child.close();
        passOver(provider, `works, but is slower than the CPU: ${pace(opened)}`);
        return take(cpu);
      }
      if (typeof cpu !== 'string') await cpu.child.close();
    }
    return take(opened);
  }
  throw new RaunetError('RAUNET_PROVIDER', {
    stage: 'inference',
    detail: findings.map(({ provider, reason }) => `${provider}: ${reason}`).join('; '),
  });
}

/** The open process, or why this provider cannot be taken. Throws RAUNET_MODEL. */
async function tryOpen(
  provider: Provider,
  { model, threads, log, signal }: ChooseDeps,
): Promise<Opened | string> {
  const problem = await providerFileProblem(provider);
  if (problem !== null) return problem;
  const child = startChild(log);
  try {
    const answer = await child.ask(
      {
        kind: 'open',
        modelFile: model.file,
        provider,
        threads,
        inputName: model.inputName,
        maskName: model.maskName,
        size: model.preprocessing.size,
        warmUp: model.selfCheck.image,
      },
      { timeoutMs: OPEN_MS[provider], signal },
    );
    if (answer.kind === 'opened') {
      const agreement = shareEqual(answer.mask, model.selfCheck.mask);
      if (agreement >= model.selfCheck.minimumAgreement)
        return { child, provider, millisecondsPerSlice: answer.millisecondsPerSlice };
      await child.kill();
      return `wrong answer to the self-check: ${(100 * agreement).toFixed(2)} % of the pixels agree`;
    }
    await child.kill();
    if (answer.kind === 'failed' && answer.fault === 'model')
      throw refused(`${model.file}: ${answer.message}`);
    return answer.kind === 'failed' ? firstLine(answer.message) : 'unexpected answer';
  } catch (error) {
    if (signal.aborted || (error instanceof RaunetError && error.code === 'RAUNET_MODEL')) throw error;
    return error instanceof RaunetError ? (error.context.detail ?? error.code) : String(error);
  }
}

const pace = ({ millisecondsPerSlice }: Opened): string => `${millisecondsPerSlice.toFixed(0)} ms a slice`;

const firstLine = (text: string): string => text.split('\n')[0]!.slice(0, 400);

function shareEqual(a: Uint8Array, b: Uint8Array): number {
  let equal = 0;
  for (let i = 0; i < a.length; i++) if (a[i] === b[i]) equal++;
  return equal / a.length;
}
