/** Columns aligned with spaces, numbers to the right, a rule under the head. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const isNumber = (text: string): boolean => /^[-+]?[\d.,]+( ?%)?$|^-$/.test(text);
  const line = (row: readonly string[]): string =>
    row
      .map((text, i) => (i > 0 && isNumber(text) ? text.padStart(widths[i]!) : text.padEnd(widths[i]!)))
      .join('  ');
  const titles = head.map((text, i) =>
    rows.every((row) => isNumber(row[i] ?? '')) ? text.padStart(widths[i]!) : text,
  );
  return [line(titles), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)]
    .map((text) => `  ${text.trimEnd()}`)
    .join('\n');
}
