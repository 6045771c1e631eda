/** What the documents' examples take as given: the reader's own model call, server and tools. */

export const prompt = 'What is a lease?';

export async function callMyModel(): Promise<string> {
  return "the model's answer";
}

export function respond(status: number, retryAfterMs: number): void {
  if (status < 400 || retryAfterMs < 25) throw new Error(`unexpected answer ${status}, ${retryAfterMs}`);
}

export async function myEmbedFn(text: string): Promise<number[]> {
  return [text.length];
}
