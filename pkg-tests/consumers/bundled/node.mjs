import { line } from './app.mjs';

line().then(console.log);
