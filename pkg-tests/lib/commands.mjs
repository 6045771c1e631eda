/** Commands of the bundlers' project: a program and its arguments, to be run in that folder. */
import { join } from 'node:path';
import { here, project } from './install.mjs';
import { chromiumBinary, nodeBinary, workerdBinary } from './tools.mjs';

/** Some of the tools want more than Node 20. */
const TOOL_NODE = 24;
/** What they make must run in the oldest that we promise. */
export const OLDEST_NODE = 18;
export const COMPATIBILITY_DATE = '2026-04-01';

const driver = (name, ...args) => [process.execPath, [join(here, 'drivers', name), ...args]];

export const node = (...args) => [nodeBinary(TOOL_NODE), args];
/** A tool by the path of its script in node_modules. */
export const tool = (script, ...args) => node(`node_modules/${script}`, ...args);

/** What was built, run and made to print a line. */
export const inNode = (file) => [nodeBinary(OLDEST_NODE), [file]];
export const inChromium = (page) => driver('chromium.mjs', chromiumBinary(), project, page);
export const inWorkerd = (main) => driver('workerd-raw.mjs', workerdBinary(), COMPATIBILITY_DATE, main);

/** Starts a server and prints what it answers, a line for each path. */
export const fetched = (paths, [program, args]) => driver('serve.mjs', 'fetch', paths.join(), program, ...args);
/** Starts a server and opens its page. */
export const opened = (page, [program, args]) => driver('serve.mjs', chromiumBinary(), page, program, ...args);
