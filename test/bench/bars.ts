export interface Bar {
  /** What is measured, against what. */
  name: string;
  measured: number;
  /** The bar: at least, or below. */
  limit: { atLeast: number } | { below: number };
  unit: string;
}

export const isMet = ({ measured, limit }: Bar): boolean =>
  'atLeast' in limit ? measured >= limit.atLeast : measured < limit.below;

export function inWords(bar: Bar): string {
  const { name, measured, limit, unit } = bar;
  const [word, number] = 'atLeast' in limit ? ['at least', limit.atLeast] : ['below', limit.below];
  const digits = Math.abs(measured) < 10 ? 2 : 0;
  return `${isMet(bar) ? 'PASS' : 'FAIL'}  ${name}: ${measured.toFixed(digits)} ${unit} (bar: ${word} ${number})`;
}
