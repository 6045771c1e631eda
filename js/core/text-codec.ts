/**
 * UTF-8 for the glue. The platform's own codec where there is one; jest-environment-jsdom has none, and there a small
 * one that is slow, complete for well-formed input, and used for configuration and views only.
 */

interface Decoder {
  decode(bytes?: Uint8Array): string;
}
interface Encoder {
  encode(text?: string): Uint8Array;
  encodeInto(text: string, into: Uint8Array): unknown;
}
type DecoderConstructor = new (label?: string, options?: { ignoreBOM?: boolean; fatal?: boolean }) => Decoder;
type EncoderConstructor = new () => Encoder;

const platform = globalThis as unknown as { TextDecoder?: DecoderConstructor; TextEncoder?: EncoderConstructor };

export class PlainDecoder implements Decoder {
  decode(bytes: Uint8Array = new Uint8Array(0)): string {
    let escaped = '';
    for (const byte of bytes) escaped += `%${byte.toString(16).padStart(2, '0')}`;
    return decodeURIComponent(escaped);
  }
}

export class PlainEncoder implements Encoder {
  encode(text = ''): Uint8Array {
    // A lone surrogate becomes U+FFFD, as the platform's encoder has it; encodeURIComponent would throw.
    const wellFormed = text.replace(
      /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g,
      '\uFFFD',
    );
    const bytes: number[] = [];
    for (const part of encodeURIComponent(wellFormed).match(/%..|./g) ?? []) {
      bytes.push(part.length === 3 ? Number.parseInt(part.slice(1), 16) : part.charCodeAt(0));
    }
    return Uint8Array.from(bytes);
  }

  encodeInto(text: string, into: Uint8Array): { read: number; written: number } {
    const bytes = this.encode(text);
    into.set(bytes);
    return { read: text.length, written: bytes.length };
  }
}

export const TextDecoder: DecoderConstructor = platform.TextDecoder ?? PlainDecoder;
export const TextEncoder: EncoderConstructor = platform.TextEncoder ?? PlainEncoder;
