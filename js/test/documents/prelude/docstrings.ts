/** What the docstrings' examples take as given. */
import OpenAI from 'openai';
import { createGovernor, presets, type AcquireGranted } from 'throttleai';

export { OpenAI };
export const config = presets.balanced();
export const governor = createGovernor(config);
export const request = { actorId: 'user-1', action: 'chat' };
export const decision = governor.acquire(request) as AcquireGranted;
export const openai = new OpenAI();

export async function callMyModel(): Promise<string> {
  return 'an answer';
}

export async function myEmbedFn(text: string): Promise<number[]> {
  return [text.length];
}

export async function* wordsOf(): AsyncGenerator<string> {
  yield* ['one', 'two'];
}
export const stream = wordsOf();

export function show(text: string): void {
  if (text === '') throw new Error('nothing to show');
}

const files = new Map<string, Uint8Array>();

export async function writeFile(name: string, bytes: Uint8Array): Promise<void> {
  files.set(name, bytes);
}

export async function readFile(name: string): Promise<Uint8Array> {
  return files.get(name) ?? new Uint8Array();
}

/** A test runner's, after a test. */
export function afterEach(hook: () => void): void {
  hook();
}
