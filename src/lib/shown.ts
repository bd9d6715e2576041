/** A number from 0 on as people read it, to so many decimals; what would read as 0 and is not says `< 0.1`. */
export function shown(value: number, decimals: number): string {
  const text = value.toFixed(decimals);
  return value > 0 && Number(text) === 0 ? `< ${(10 ** -decimals).toFixed(decimals)}` : text;
}
