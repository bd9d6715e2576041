export interface Element {
  name: string;
  /** Undefined: left out. */
  attributes: Readonly<Record<string, string | number | boolean | undefined>>;
  children: readonly (Element | string)[];
}

export const element = (
  name: string,
  attributes: Element['attributes'] = {},
  ...children: Element['children'][number][]
): Element => ({ name, attributes, children });

/** One line: what would break it is written as a reference, what XML 1.0 does not have (2.2) as a question mark. */
export function toXml({ name, attributes, children }: Element): string {
  const named = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${escaped(String(value))}"`)
    .join('');
  if (children.length === 0) return `<${name}${named}/>`;
  const content = children.map((child) => (typeof child === 'string' ? escaped(child) : toXml(child)));
  return `<${name}${named}>${content.join('')}</${name}>`;
}

const REFERENCES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

const escaped = (text: string): string =>
  Buffer.from(text) // half a surrogate pair becomes U+FFFD
    .toString()
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffd\ufffe\uffff]/g, '?')
    .replace(/[&<>"\t\n\r]/g, (character) => REFERENCES[character]!);
