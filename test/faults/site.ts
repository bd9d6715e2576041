import { run } from '../fixtures/peer-tools';

/** Several machines on this one. */
export interface Site {
  kind: 'network namespaces' | 'loopback addresses';
  /** Where this process is reached from them. */
  address: string;
  machines: Machine[];
  remove(): Promise<void>;
}

export interface Machine {
  address: string;
  /** Stands before a command that is to run there. */
  prefix: string[];
}

/** Network namespaces on one bridge, each with its address and its own loopback; where the system allows none, loopback addresses. */
export async function makeSite(machines: number): Promise<Site> {
  const [id, subnet] = [process.pid % 100_000, `10.237.${process.pid % 250}`];
  const bridge = `rnb${id}`;
  const ip = (...words: string[]) => run('ip', ...words);
  const names = Array.from({ length: machines }, (_, n) => `raunet${id}-${n + 1}`);
  const remove = async (): Promise<void> => {
    for (const name of names) await ip('netns', 'del', name).catch(() => {});
    await ip('link', 'del', bridge).catch(() => {});
  };
  try {
    await ip('link', 'add', bridge, 'type', 'bridge');
    await ip('addr', 'add', `${subnet}.1/24`, 'dev', bridge);
    await ip('link', 'set', bridge, 'up');
    for (const [n, name] of names.entries()) {
      const [here, there] = [`rnv${id}.${n}`, `rnp${id}.${n}`];
      await ip('netns', 'add', name);
      await ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there);
      await ip('link', 'set', here, 'master', bridge, 'up');
      await ip('link', 'set', there, 'netns', name);
      for (const device of [
        ['addr', 'add', `${subnet}.${n + 2}/24`, 'dev', there],
        ['link', 'set', there, 'up'],
        ['link', 'set', 'lo', 'up'],
      ])
        await ip('-n', name, ...device);
    }
  } catch (error) {
    await remove();
    console.warn(
      `NO NETWORK NAMESPACES HERE (${(error as Error).message}): loopback addresses stand for machines`,
    );
    return {
      kind: 'loopback addresses',
      address: '127.0.0.1',
      machines: names.map((_, n) => ({ address: `127.0.1.${n + 1}`, prefix: [] })),
      remove: async () => {},
    };
  }
  return {
    kind: 'network namespaces',
    address: `${subnet}.1`,
    machines: names.map((name, n) => ({
      address: `${subnet}.${n + 2}`,
      prefix: ['ip', 'netns', 'exec', name],
    })),
    remove,
  };
}
