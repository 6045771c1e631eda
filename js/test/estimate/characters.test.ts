/** The rule by characters against real tokenizers, over real texts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getEncoding } from 'js-tiktoken';
import { tokensByCharacters } from '../../estimate/characters.ts';
import { cl100k, declarations, fileText, o200k } from './support.ts';

const TEXTS = declarations(3_000);
const ratio = (text: string, tokens: (text: string) => number): number => tokensByCharacters(text) / tokens(text);

/** What most people write: BCP 47 or UDHR codes. */
const COMMON =
  'eng cmn_hans cmn_hant hin spa fra arb ben por_PT por_BR rus ind deu_1996 jpn swh mar tel tur tam vie kor ita tha guj pol ukr ' +
  'nld ron_2006 hun ces ell_monotonic swe heb fin dan slk hrv bul nob';

test('no language has more tokens in o200k_base', () => {
  assert(TEXTS.length > 500);
  for (const { language, text } of TEXTS) {
    const found = ratio(text, o200k);
    assert(found >= 1, `${language}: ${found}`);
  }
});

test('in cl100k_base few have, by 12 % at most, and none of the common ones', () => {
  const below: string[] = [];
  for (const { language, text } of TEXTS) {
    const found = ratio(text, cl100k);
    assert(found >= 0.88, `${language}: ${found}`);
    if (found < 1) below.push(language);
  }
  assert(below.length <= 10, below.join(', '));
  const common = COMMON.split(' ');
  for (const language of common)
    assert(
      TEXTS.some((text) => text.language === language),
      `no text in ${language}`,
    );
  assert.deepEqual(
    below.filter((language) => common.includes(language)),
    [],
  );
});

test('pieces of 300 characters of the common languages have no more in either', () => {
  for (const { language, text } of TEXTS.filter((other) => COMMON.split(' ').includes(other.language)))
    for (let at = 0; at + 300 <= text.length; at += 300) {
      const piece = text.slice(at, at + 300);
      const least = Math.min(ratio(piece, o200k), ratio(piece, cl100k));
      assert(least >= 1, `${language} at ${at}: ${least}`);
    }
});

test('how much too many: about twice for English, less than three times for other common languages', () => {
  const of = (language: string): string => TEXTS.find((text) => text.language === language)?.text ?? '';
  assert(ratio(of('eng'), o200k) < 2.4);
  for (const language of ['fra', 'deu_1996', 'spa', 'cmn_hans', 'jpn', 'kor', 'vie', 'tha', 'pol', 'tur']) {
    assert(ratio(of(language), o200k) < 3, language);
  }
});

test('two tokenizers agree, so either may be the judge', () => {
  const tiktoken = getEncoding('o200k_base');
  for (const { text } of TEXTS.filter((_, index) => index % 40 === 0)) {
    assert.equal(tiktoken.encode(text).length, o200k(text));
    assert(tokensByCharacters(text) >= tiktoken.encode(text).length);
  }
});

test('code and data', () => {
  const paths = [
    'js/core/governor.ts',
    'js/core/errors.ts',
    'src/lib.rs',
    'scripts/test.mjs',
    'package.json',
    'README.md',
  ];
  for (const path of [...paths, 'package-lock.json', 'vectors/balanced.json', 'demo/prompts/shell-one-liner.txt']) {
    const text = fileText(path).slice(0, 20_000);
    for (const tokens of [cl100k, o200k]) assert(ratio(text, tokens) >= 1, `${path}: ${ratio(text, tokens)}`);
  }
});

test('emoji, joined ones, flags, signs', () => {
  const signs = [
    '😀',
    '👩🏽‍👩🏽‍👧🏽‍👦🏽',
    '🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}',
    '🇩🇪',
    '❤️‍🔥',
    ' 🫨 🫠',
    '①②③',
    '→⇒',
    '∑∫√',
    '½°±',
    '₿€',
    '☃︎',
  ];
  for (const sign of [...signs, '🤖 done ✅ 100% 🚀', 'ﷺ', '\u{1f9ff}\u{1fae8}', '\ufffd', '\u200b\u200d\ufeff']) {
    for (const tokens of [cl100k, o200k]) {
      for (const text of [sign, sign.repeat(20), `a ${sign} b`]) assert(ratio(text, tokens) >= 1, text);
    }
  }
});

test('what machines write: identifiers, hashes, digits, white space', () => {
  const hex = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
  const texts = [
    hex,
    'f47ac10b-58cc-4372-a567-0e02b2c3d479',
    '3.14159265358979323846',
    '2026-11-22T08:30:00.000Z',
    '   \n\t\t\n',
  ];
  texts.push(
    'a'.repeat(1_000),
    ' '.repeat(1_000),
    '\n'.repeat(1_000),
    '\r\n \r\n',
    '----====####',
    '{"a":[1,2,{"b":null}]}',
  );
  texts.push(
    'camelCaseIdentifierNames',
    'SCREAMING_SNAKE_CASE',
    'HTMLElement',
    ' 5 x 7',
    'A',
    'a b c d e f',
    'https://a.b/c?d=e&f=%20',
  );
  for (const text of texts) for (const tokens of [cl100k, o200k]) assert(ratio(text, tokens) >= 1, text);
});

test('what no person writes has at most 1.8 times as many', () => {
  let state = 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const from = (first: number, last: number): string =>
    Array.from({ length: 1_000 }, () => String.fromCharCode(first + random(last - first + 1))).join('');
  const ranges = [
    [0x61, 0x7a],
    [0x41, 0x5a],
    [0x21, 0x7e],
    [0xc0, 0x24f],
    [0x400, 0x52f],
    [0x4e00, 0x9fff],
    [0xac00, 0xd7a3],
    [0xa0, 0xd7ff],
  ] as const;
  for (const [first, last] of ranges) {
    const text = from(first, last);
    for (const tokens of [cl100k, o200k]) assert(ratio(text, tokens) > 1 / 1.8, `${first}: ${ratio(text, tokens)}`);
  }
});

test('whole, from 0, and another character takes away one token at most', () => {
  assert.equal(tokensByCharacters(''), 0);
  assert.equal(tokensByCharacters('a'), 1);
  const exact: [text: string, tokens: number][] = [
    ['Hello world', 4],
    ['camelCase', 4],
    ['ABCD', 2],
    ['HTMLElement', 5],
    ['2026-11', 7],
    [' '.repeat(17), 2],
    ['a  b', 3],
    ['a (b)', 5],
    ['é', 2],
    ['éé', 3],
    ['字字', 4],
    ['а б', 3],
    ['😀', 4],
    ['\ud83d', 2],
    ['\u0f40', 3],
    ['<|endoftext|>', 8],
  ];
  for (const [text, tokens] of exact) assert.equal(tokensByCharacters(text), tokens, text);
  for (const { text } of TEXTS.filter((_, index) => index % 20 === 0)) {
    let before = 0;
    for (let end = 0; end <= 300; end += 1) {
      const tokens = tokensByCharacters(text.slice(0, end));
      assert(Number.isInteger(tokens) && tokens >= before - 1, `${tokens} after ${before} at ${end}`);
      before = tokens;
    }
  }
});

test('long texts of any kind', () => {
  for (const text of ['a', 'A', ' ', '\n', '7', 'é', '字', '😀', '<|', 'aB', ' a']) {
    const tokens = tokensByCharacters(text.repeat(1_000_000));
    assert(Number.isSafeInteger(tokens) && tokens > 10_000, text);
  }
});
