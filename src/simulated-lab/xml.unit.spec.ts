import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { escapeXml, xmlDocument } from './xml.js';

describe('XML in the style of EC2', () => {
  it('writes fields as elements, lists as items and nothing as an empty element', () => {
    const content = { code: 16, groupSet: [], reason: null, tagSet: [{ key: 'a' }, { key: 'b' }], ebs: false };
    expect(xmlDocument('Answer', content, 'http://ns/')).toBe(
      '<?xml version="1.0" encoding="UTF-8"?>\n<Answer xmlns="http://ns/"><code>16</code><groupSet/><reason/>' +
        '<tagSet><item><key>a</key></item><item><key>b</key></item></tagSet><ebs>false</ebs></Answer>',
    );
  });

  it('escapes any text so that no markup is left in it and the text can be had back', () => {
    const back: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('&', '<', '>', '"', "'", 'a', ';', 'é') }), (text) => {
        const escaped = escapeXml(text);
        expect(escaped).not.toMatch(/[<>"']/);
        expect(escaped.replace(/&(\w+);/g, (_, name: string) => back[name] ?? '?')).toBe(text);
      }),
    );
  });
});
