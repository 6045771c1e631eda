import { cloudflare } from '@cloudflare/vite-plugin';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [cloudflare()],
  cacheDir: '../out/vite-cloudflare-dev',
  build: { outDir: '../out/vite-cloudflare' },
});
