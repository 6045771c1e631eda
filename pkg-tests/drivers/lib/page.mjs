/** Opens a page in Chromium and waits for the title that it gives itself. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const WAIT_MS_MAX = 30_000;
/** Keeps Chromium from calling home; it needs nothing but the server under test. */
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** @returns {Promise<string>} the title; what the page says on its console goes to stderr */
export async function titleOf(url, executablePath) {
  const profile = mkdtempSync(join(tmpdir(), 'throttleai-chromium-'));
  const browser = await chromium.launchPersistentContext(profile, { executablePath, headless: true, args: QUIET });
  try {
    const page = await browser.newPage();
    page.on('pageerror', (error) => console.error(String(error)));
    page.on('console', (message) => console.error(message.text()));
    await page.goto(url);
    await page.waitForFunction(() => document.title !== '', undefined, { timeout: WAIT_MS_MAX });
    return await page.title();
  } finally {
    await browser.close();
    rmSync(profile, { recursive: true, force: true });
  }
}
