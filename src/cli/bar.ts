import { SingleBar } from 'cli-progress';

export interface Bar {
  /** done in 0..1; the label replaces the one before. */
  show(label: string, done: number): void;
  end(): void;
}

/** A progress bar on the terminal, a line for each new label elsewhere (a pipe, a log, CI). */
export function openBar(stream: NodeJS.WriteStream = process.stderr): Bar {
  if (!stream.isTTY) {
    let last = '';
    return {
      show: (label) => {
        if (label !== last) stream.write(`  ${label} ...\n`);
        last = label;
      },
      end: () => {},
    };
  }
  const bar = new SingleBar({
    format: '  {label} [{bar}] {percentage}%',
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
    stopOnComplete: false,
    barCompleteChar: '=',
    barIncompleteChar: ' ',
    stream,
  });
  bar.start(100, 0, { label: '' });
  return {
    show: (label, done) => bar.update(Math.round(100 * done), { label: label.padEnd(12) }),
    end: () => bar.stop(),
  };
}
