/** The generated part of docs/events.md: what the registered event types say of themselves, as Markdown. */

/**
 * @param {readonly import('../src/platform/event-store/event-codec.ts').EventCategory[]} categories
 * @param {ReadonlyMap<string, object>} examples a CloudEvent for each published type
 */
export function catalogueText(categories, examples) {
  // Not in the order of their registration, which is nobody's promise.
  const sorted = categories.toSorted((a, b) => (a.category < b.category ? -1 : 1));
  return sorted.map((category) => categoryText(category, examples)).join('\n');
}

function categoryText({ category, summary, idField, types }, examples) {
  const overview = Object.entries(types).map(([type, { summary: when, published }]) => [
    `[\`${type}\`](#${type.toLowerCase()})`,
    when,
    published ? `\`${published.type}\`` : '',
  ]);
  return [
    `## ${category}\n`,
    `Streams: \`${category}-<${idField ?? 'id'}>\`. ${summary}\n`,
    table(['type', 'when', 'published as'], overview),
    ...Object.entries(types).map(([type, definition]) => typeText(type, definition, examples)),
  ].join('\n');
}

function typeText(type, { version, summary, schema, published }, examples) {
  const parts = [`### ${type}\n`, `${sentence(summary)} Schema version ${version}.\n`, fieldTable(schema)];
  if (published) parts.push(publishedText(published, schema, examples.get(published.type)));
  return parts.join('\n');
}

function publishedText({ type, schema }, stored, example) {
  const json = JSON.stringify(example, null, 2);
  return [
    `Published as \`${type}\`. ${differenceText(schema, stored)}\n`,
    `<details><summary>Example</summary>\n\n\`\`\`json\n${json}\n\`\`\`\n\n</details>\n`,
  ].join('\n');
}

/** How the published data differs from what is stored; all of its fields, when it is something of its own. */
function differenceText(schema, stored) {
  const [outside, inside] = [Object.keys(schema.properties), Object.keys(stored.properties)];
  const added = outside.filter((field) => !inside.includes(field));
  const asStored = outside.filter((field) => inside.includes(field));
  const without = inside.filter((field) => !outside.includes(field));
  const isTheSame = asStored.every((field) => demand(schema.properties[field]) === demand(stored.properties[field]));
  if (!isTheSame || added.length > 1) return `Its data:\n\n${fieldTable(schema)}`;
  const note = sentence(schema.description).slice(sentence(stored.description).length).trim();
  const those = added.length > 0 ? `Its data is ${names(added)} and these fields` : 'Its data has these fields';
  return `${those}${without.length > 0 ? `, without ${names(without)}` : ''}. ${note}`;
}

/** What a schema demands of a value; that stored objects are closed and published ones open makes no difference here. */
function demand(schema) {
  const says = (keyword) => keyword === 'additionalProperties' || keyword === 'description';
  return JSON.stringify(schema, (keyword, value) => (says(keyword) && typeof value !== 'object' ? undefined : value));
}

function fieldTable(schema) {
  const rows = fieldRows(schema, '');
  return table(['field', 'type', 'null', 'what'], rows);
}

function fieldRows(schema, path) {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const here = `${path}${name}`;
    const nullBranch = field.anyOf?.find(({ type }) => type === 'null');
    const value = field.anyOf?.find(({ type }) => type !== 'null') ?? field;
    const row = [`\`${here}\``, typeName(value), nullBranch?.description ?? '', value.description ?? ''];
    const inner = value.type === 'array' ? fieldRows(value.items, `${here}[].`) : fieldRows(value, `${here}.`);
    return [row, ...inner];
  });
}

function typeName({ type, format, enum: words, items, properties }) {
  if (words) return names(words);
  if (format === 'date-time') return 'time';
  if (format === 'uuid') return 'UUID';
  if (type === 'array') return `list of ${typeName(items)}s`.replace('list of objects', 'list');
  if (type === 'object') return properties ? 'object' : 'any object';
  return type === undefined ? 'any JSON' : type;
}

function names(list) {
  return list.map((name) => `\`${name}\``).join(', ');
}

function sentence(text) {
  const full = text.endsWith('.') ? text : `${text}.`;
  return full.charAt(0).toUpperCase() + full.slice(1);
}

function table(heads, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line), ''].join('\n');
}
