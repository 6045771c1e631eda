/** Links between the pages of a folder: files and anchors. Links to elsewhere are not followed. */
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { filesUnder } from '../lib/stamp.mjs';

/** @returns {{ pages: number, dead: string[] }} each dead link once, with the page that has it */
export function deadLinks(folder) {
  const files = new Set(filesUnder(folder));
  const pages = new Map([...files].filter((file) => file.endsWith('.html')).map((file) => [file, read(file)]));
  const dead = new Set();
  for (const [file, { links }] of pages) {
    for (const link of links) {
      const problem = problemOf(link, file, files, pages);
      if (problem !== undefined) dead.add(`${relative(folder, file)}: ${link}: ${problem}`);
    }
  }
  return { pages: pages.size, dead: [...dead] };
}

function problemOf(link, from, files, pages) {
  const [path, anchor = ''] = link.split('#');
  const [name] = path.split('?');
  const target = name === '' ? from : join(dirname(from), decodeURIComponent(name));
  if (!files.has(target)) return 'no such file';
  if (anchor === '' || !pages.has(target)) return undefined;
  const { anchors } = pages.get(target);
  // Lines of a source come as a range, of which the page has each line.
  const found = [anchor, decodeURIComponent(anchor), anchor.replace(/^(\d+)-\d+$/, '$1')].some((id) => anchors.has(id));
  return found ? undefined : 'no such anchor';
}

function read(file) {
  const html = readFileSync(file, 'utf8').replace(/<script\b[\s\S]*?<\/script>/g, '');
  return {
    links: values(html, 'href').filter((link) => !/^[a-z]+:/.test(link)),
    anchors: new Set(values(html, 'id')),
  };
}

const values = (html, name) =>
  [...html.matchAll(new RegExp(`\\s${name}=(?:"([^"]*)"|([^\\s>"]+))`, 'g'))].map(([, quoted, bare]) =>
    (quoted ?? bare).replaceAll('&amp;', '&').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"'),
  );
