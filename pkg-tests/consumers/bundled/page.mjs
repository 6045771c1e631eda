import { line } from './app.mjs';

line().then(
  (text) => (document.title = text),
  (error) => (document.title = String(error)),
);
