import { defineConfig } from 'vite';

export default defineConfig({
  base: './',
  cacheDir: 'out/vite-dev',
  build: { outDir: 'out/vite', rolldownOptions: { input: 'vite/index.html' } },
});
