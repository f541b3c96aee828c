/** What an element holds: text, nothing (null), children by name, or `<item>`s, as EC2 writes lists. */
export type XmlContent = string | number | boolean | null | readonly XmlContent[] | XmlFields;

/** Child elements by name. */
export type XmlFields = { readonly [name: string]: XmlContent };

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** Text made safe inside an element. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character);
}

/** A document with one root element, in EC2's style. */
export function xmlDocument(root: string, content: XmlContent, namespace?: string): string {
  const attribute = namespace === undefined ? '' : ` xmlns="${escapeXml(namespace)}"`;
  return `<?xml version="1.0" encoding="UTF-8"?>\n<${root}${attribute}>${render(content)}</${root}>`;
}

function render(content: XmlContent): string {
  if (content === null) return '';
  if (Array.isArray(content)) return content.map((item: XmlContent) => element('item', item)).join('');
  if (typeof content !== 'object') return escapeXml(String(content));
  return Object.entries(content)
    .map(([name, child]) => element(name, child))
    .join('');
}

function element(name: string, content: XmlContent): string {
  const inner = render(content);
  return inner === '' ? `<${name}/>` : `<${name}>${inner}</${name}>`;
}
