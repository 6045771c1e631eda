/** The codec for platforms without one says what the platform's says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlainDecoder, PlainEncoder } from '../../core/text-codec.ts';

const TEXTS = ['', 'plain', 'größer', '€ 100', '日本語', 'a😀b', '\u0000\u007f\u0080\u07ff\u0800\uffff', '100 %'];

for (const text of TEXTS) {
  test(`to UTF-8 and back: ${JSON.stringify(text)}`, () => {
    const bytes = new TextEncoder().encode(text);
    assert.deepEqual(new PlainEncoder().encode(text), bytes);
    assert.equal(new PlainDecoder().decode(bytes), text);
    const [into, platform] = [new Uint8Array(bytes.length + 2), new Uint8Array(bytes.length + 2)];
    assert.deepEqual(new PlainEncoder().encodeInto(text, into), new TextEncoder().encodeInto(text, platform));
    assert.deepEqual(into, platform);
  });
}

for (const text of ['\ud800', 'a\udc00b', '\ud83d x \ude00']) {
  test(`lone surrogates become replacement characters: ${JSON.stringify(text)}`, () => {
    assert.deepEqual(new PlainEncoder().encode(text), new TextEncoder().encode(text));
  });
}
