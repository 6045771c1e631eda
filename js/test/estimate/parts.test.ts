/** Images by size, detail and model, against the examples of the providers' documents; parts that cannot be seen. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imageSizeOf } from '../../estimate/image-size.ts';
import { anthropicImageTokens, geminiImageTokens, openaiImageTokens } from '../../estimate/images.ts';
import { estimateTokens } from '../../estimate/index.ts';
import { lengthOf, promptOf, refuses } from './support.ts';

const base64 = (...bytes: (number | string)[]): string =>
  Buffer.concat(
    bytes.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from([part]))),
  ).toString('base64');
const big = (value: number, count: number): string =>
  String.fromCharCode(...Array.from({ length: count }, (_, i) => Math.floor(value / 256 ** (count - 1 - i)) % 256));
const little = (value: number, count: number): string => [...big(value, count)].reverse().join('');

const png = (width: number, height: number): string =>
  base64('\x89PNG\r\n\x1a\n', big(13, 4), 'IHDR', big(width, 4), big(height, 4), '\x08\x06\0\0\0');
const gif = (width: number, height: number): string => base64('GIF89a', little(width, 2), little(height, 2), '\0\0\0');
const webp = (kind: string, header: string): string => base64('RIFF', '\0\0\0\0', 'WEBP', kind, '\0\0\0\0', header);
const jpeg = (width: number, height: number, before = ''): string =>
  base64('\xff\xd8', before, '\xff\xc2', big(17, 2), '\x08', big(height, 2), big(width, 2), '\x03');
const segment = (marker: string, length: number): string => `\xff${marker}${big(length + 2, 2)}${'x'.repeat(length)}`;

test('sizes from headers', () => {
  const size = { width: 1_000, height: 700 };
  assert.deepEqual(imageSizeOf(png(1_000, 700)), size);
  assert.deepEqual(imageSizeOf(gif(1_000, 700)), size);
  assert.deepEqual(imageSizeOf(jpeg(1_000, 700)), size);
  const before = segment('\xe0', 14) + segment('\xe1', 60_000) + segment('\xc4', 30) + segment('\xdb', 65) + '\xff\xff';
  assert.deepEqual(imageSizeOf(jpeg(1_000, 700, before)), size);
  // Tables that have markers among those of frames, and an odd number of paddings.
  assert.deepEqual(imageSizeOf(jpeg(1_000, 700, segment('\xc8', 30) + segment('\xcc', 30))), size);
  assert.deepEqual(imageSizeOf(jpeg(1_000, 700, `${segment('\xe0', 14)}\xff`)), size);
  assert.deepEqual(imageSizeOf(webp('VP8 ', `\0\0\0\x9d\x01\x2a${little(1_000, 2)}${little(700 | 0x4000, 2)}`)), size);
  assert.deepEqual(imageSizeOf(webp('VP8 ', `\0\0\0\x9d\x01\x2a${little(1_000 | 0xc000, 2)}${little(700, 2)}`)), size);
  assert.deepEqual(imageSizeOf(webp('VP8X', `\0\0\0\0${little(999, 3)}${little(699, 3)}`)), size);
  assert.deepEqual(imageSizeOf(webp('VP8L', `\x2f${little(999 + 699 * 2 ** 14, 4)}`)), size);
  assert.deepEqual(imageSizeOf(webp('VP8L', `\x2f${little(999 + 699 * 2 ** 14 + 2 ** 28, 4)}`)), size); // has alpha
  // The URL-safe alphabet of Gemini's SDKs.
  assert.deepEqual(imageSizeOf(png(0xfbff, 0xffef).replaceAll('+', '-').replaceAll('/', '_')), {
    width: 0xfbff,
    height: 0xffef,
  });
});

test('what is no image, or is cut off', () => {
  const whole = [png(9, 9), gif(9, 9), jpeg(9, 9), webp('VP8X', '\0\0\0\0\x09\0\0\x09\0\0')];
  for (const image of whole) {
    for (let end = 0; end < image.length; end += 1) {
      const size = imageSizeOf(image.slice(0, end));
      assert(size === undefined || (size.width > 0 && size.height > 0), `${image.slice(0, end)}`);
    }
  }
  for (const none of [
    '',
    'AAAA',
    '!!!!',
    'data:',
    png(0, 9),
    gif(9, 0),
    base64('\xff\xd8\xff\xda'),
    base64('\xff\xd8'),
  ]) {
    assert.equal(imageSizeOf(none), undefined);
  }
  assert.equal(imageSizeOf(jpeg(9, 9, segment('\xe0', 0).repeat(1_000))), undefined);
  assert.equal(imageSizeOf(jpeg(9, 9, '\xff'.repeat(100_001))), undefined);
});

const size = (width: number, height: number): { width: number; height: number } => ({ width, height });

test('OpenAI: the examples of its documents', () => {
  assert.equal(openaiImageTokens('gpt-4o', size(1_024, 1_024), 'high'), 765);
  assert.equal(openaiImageTokens('gpt-4o', size(2_048, 4_096), 'high'), 1_105);
  assert.equal(openaiImageTokens('gpt-4o', size(4_096, 8_192), 'low'), 85);
  assert.equal(openaiImageTokens('gpt-4o', size(768, 8_192), 'high'), 85 + 4 * 170);
  assert.equal(openaiImageTokens('gpt-5.4', size(4_096, 8_192), 'low'), 256);
  // 512.25 x 2048 once fitted: pixels are whole before tiles are counted.
  assert.equal(openaiImageTokens('gpt-4o', size(517, 2_067), 'high'), 85 + 4 * 170);
  assert.equal(openaiImageTokens('gpt-4o-mini', size(512, 512), 'low'), 2_833);
  assert.equal(openaiImageTokens('gpt-4o-mini-2024-07-18', size(512, 512), 'high'), 2_833 + 5_667);
  assert.equal(openaiImageTokens('gpt-4.1-mini', size(1_024, 1_024), 'high'), Math.ceil(1_024 * 1.62));
  assert.equal(openaiImageTokens('gpt-4.1-mini', size(4_000, 1_474), 'auto'), Math.ceil(1_536 * 1.62));
  assert.equal(openaiImageTokens('o4-mini', size(64, 33), 'auto'), Math.ceil(4 * 1.72));
  assert.equal(openaiImageTokens('o3', size(100, 100), 'high'), 225);
  assert.equal(openaiImageTokens('gpt-5', size(100, 100), 'high'), 210);
  assert.equal(openaiImageTokens('openai/gpt-5-nano', size(32, 32), 'high'), 3);
  assert.equal(openaiImageTokens('gpt-5.4', size(3_200, 3_200), 'auto'), 2_500);
  assert.equal(openaiImageTokens('gpt-5.4', size(3_200, 3_200), 'original'), 10_000);
  assert.equal(openaiImageTokens('gpt-5.5', size(6_400, 6_400), 'auto'), 10_000);
  assert.equal(openaiImageTokens('gpt-6-astra', size(6_400, 3_200), 'auto'), 20_000);
});

test('OpenAI: of unknown size, the most; and no size has more than that', () => {
  const models = [
    'gpt-4o',
    'gpt-4o-mini',
    'gpt-4.1',
    'gpt-4.1-nano',
    'o1',
    'o4-mini',
    'gpt-5',
    'gpt-5.2',
    'gpt-5.4',
    'other',
    '',
  ];
  for (const model of models) {
    for (const detail of ['low', 'high', 'auto', 'original', 'nonsense']) {
      const most = openaiImageTokens(model, undefined, detail);
      assert(Number.isInteger(most) && most > 0);
      for (const [width, height] of [
        [1, 1],
        [512, 512],
        [3_000, 2_000],
        [768, 2_048],
        [1, 10_000],
        [5_000, 5_000],
      ] as const) {
        const tokens = openaiImageTokens(model, size(width, height), detail);
        assert(tokens > 0 && tokens <= most, `${model} ${detail} ${width}x${height}: ${tokens} above ${most}`);
      }
    }
  }
});

test('Anthropic: by patches or pixels, the larger; two kinds of models', () => {
  const model = 'claude-opus-4-8';
  assert.equal(anthropicImageTokens(model, size(1_000, 1_000)), 1_334);
  assert.equal(anthropicImageTokens(model, size(200, 200)), 64);
  assert.equal(anthropicImageTokens(model, size(29, 29)), 4);
  assert.equal(anthropicImageTokens(model, undefined), 4_784);
  assert.equal(anthropicImageTokens(model, size(3_840, 2_160)), 4_784);
  const standard = [
    'claude-3-5-sonnet-20241022',
    'claude-3-opus',
    'claude-sonnet-4-20250514',
    'claude-opus-4-1-20250805',
  ];
  standard.push(
    'claude-sonnet-4-6',
    'claude-haiku-4-5@20251001',
    'us.anthropic.claude-sonnet-4-5-20250929-v1:0',
    'claude-opus-4',
  );
  for (const name of standard) assert.equal(anthropicImageTokens(name, undefined), 1_600, name);
  for (const name of ['claude-opus-4-7', 'claude-sonnet-5', 'claude-opus-5-5', '', 'other']) {
    assert.equal(anthropicImageTokens(name, undefined), 4_784, name);
  }
});

test('Gemini: by tiles, and from Gemini 3 on by resolution', () => {
  assert.equal(geminiImageTokens('gemini-2.5-flash', size(384, 384), ''), 258);
  assert.equal(geminiImageTokens('gemini-2.5-flash', size(960, 540), ''), 6 * 258);
  assert.equal(geminiImageTokens('models/gemini-2.0-flash', size(3_000, 3_000), ''), 16 * 258);
  assert.equal(geminiImageTokens('gemini-1.5-pro', undefined, ''), 9 * 258);
  // Tiles of 256, as 385 / 1.5 is no whole number: 2 across, 6 down.
  assert.equal(geminiImageTokens('gemini-2.5-flash', size(385, 1_282), ''), 12 * 258);
  assert.equal(geminiImageTokens('gemini-3-pro-preview', size(10, 10), ''), 1_120);
  assert.equal(geminiImageTokens('gemini-3-flash-preview', undefined, 'MEDIA_RESOLUTION_LOW'), 280);
  assert.equal(geminiImageTokens('', undefined, 'MEDIA_RESOLUTION_ULTRA_HIGH'), 2_240);
  assert.equal(geminiImageTokens('gemini-3-pro', undefined, 'toString'), 1_120);
});

test('images in requests', () => {
  const overhead = 3 + 4 + 'user'.length;
  const chat = (part: object, model = 'gpt-4o'): number =>
    promptOf({ model, messages: [{ role: 'user', content: [part] }] }) - overhead;
  const url = `data:image/png;base64,${png(1_024, 1_024)}`;
  assert.equal(chat({ type: 'image_url', image_url: { url } }), 765);
  assert.equal(chat({ type: 'image_url', image_url: { url, detail: 'low' } }), 85);
  assert.equal(chat({ type: 'image_url', image_url: 'https://example.com/a.png' }), 85 + 8 * 170);
  assert.equal(chat({ type: 'input_image', image_url: url, detail: 'low' }), 85);
  assert.equal(chat({ type: 'input_image', file_id: 'file-1' }), 85 + 8 * 170);
  // Without a detail it is the model's choice, which is not the same for all.
  const large = { type: 'image_url', image_url: { url: `data:image/png;base64,${png(6_400, 6_400)}` } };
  assert.deepEqual([chat(large, 'gpt-5.4'), chat(large, 'gpt-5.5')], [2_500, 10_000]);
  const anthropic = (source: object): number => chat({ type: 'image', source }, 'claude-sonnet-4-5');
  assert.equal(anthropic({ type: 'base64', media_type: 'image/png', data: png(200, 200) }), 64);
  assert.equal(anthropic({ type: 'url', url: 'https://example.com/a.png' }), 1_600);
  const screenshot = {
    type: 'computer_call_output',
    call_id: '1',
    output: { type: 'computer_screenshot', image_url: url },
  };
  assert.equal(promptOf({ model: 'gpt-4o', input: [screenshot] }), 4 + 765);

  const gemini = (part: object, config?: object): number =>
    promptOf({ model: 'gemini-3-pro', contents: [{ parts: [part] }], config }) - 4;
  const inlineData = { mimeType: 'image/png', data: png(100, 100) };
  assert.equal(gemini({ inlineData }), 1_120);
  assert.equal(gemini({ inlineData }, { mediaResolution: 'MEDIA_RESOLUTION_LOW' }), 280);
  const mediaResolution = { level: 'MEDIA_RESOLUTION_MEDIUM' };
  assert.equal(gemini({ inlineData, mediaResolution }, { mediaResolution: 'MEDIA_RESOLUTION_LOW' }), 560);
  assert.equal(gemini({ file_data: { mime_type: 'image/png', file_uri: 'x' } }), 1_120);
  const options = { tokenizer: lengthOf, model: 'gemini-2.0-flash' };
  assert.equal(promptOf({ contents: [{ inlineData }] }, options), 4 + 258);
});

test('parts that cannot be seen need a number', () => {
  const chat = (type: string): object => ({ messages: [{ role: 'user', content: [{ type, [type]: {} }] }] });
  for (const type of ['input_audio', 'file', 'input_file', 'video_url', 'item_reference', 'container_upload']) {
    refuses(chat(type), 'request.messages[0].content[0]', new RegExp(`options.partTokens how many "${type}" has`));
    const given = { tokenizer: lengthOf, partTokens: { [type]: 250 } };
    assert.equal(promptOf(chat(type), given), 3 + 4 + 4 + 250);
    const fallback = estimateTokens(chat(type), { fallback: 999 });
    assert.deepEqual(fallback, {
      promptTokens: 999,
      maxOutputTokens: 0,
      shape: undefined,
      rule: 'fallback',
      outputRule: 'none',
    });
  }
  const audio = { mimeType: 'audio/mp3', data: 'AAAA' };
  refuses(
    { contents: [{ parts: [{ inlineData: audio }] }] },
    'request.contents[0].parts[0].inlineData',
    /"inlineData"/,
  );
  const partTokens = { inlineData: 320, image_url: 50 };
  assert.equal(
    promptOf({ contents: { parts: [{ inline_data: audio }] } }, { tokenizer: lengthOf, partTokens }),
    4 + 320,
  );
  // A number given for a type goes before the table.
  assert.equal(promptOf(chat('image_url'), { tokenizer: lengthOf, partTokens }), 3 + 4 + 4 + 50);
  refuses([{ role: 'assistant', audio: { id: 'a' } }], 'request[0].audio', /"audio"/);
});

test('parts that nobody knows', () => {
  const part = (value: unknown): object => ({ messages: [{ role: 'user', content: [value] }] });
  const at = 'request.messages[0].content[0]';
  refuses(part({ type: 'hologram', hologram: 'x' }), `${at}.type`, /one of text, .*image_url.* options\.partTokens/);
  for (const type of ['constructor', '__proto__', 'toString', '']) refuses(part({ type }), `${at}.type`, /one of/);
  refuses(part({ text: 'no type' }), `${at}.type`, /a string/);
  refuses(part({ type: 'text' }), `${at}.text`, /a string/);
  refuses(part(5), at, /a text, or an object with a type/);
  refuses(
    { contents: [{ parts: [{ hologram: 1 }] }] },
    'request.contents[0].parts[0].hologram',
    /one of text, inlineData/,
  );
  assert.equal(
    promptOf(part({ type: 'hologram' }), { tokenizer: lengthOf, partTokens: { hologram: 7 } }),
    3 + 4 + 4 + 7,
  );
});
