/**
 * The same governed app with each framework, for the tests that ask all of them the same. Its routes answer in all the ways
 * in which a handler can; each is there under every mount, whose middleware differs.
 */
import { createServer, type Server } from 'node:http';
import express from 'express';
import express4 from 'express4';
import fastify from 'fastify';
import fastify4 from 'fastify4';
import type { Governor } from 'throttleai';
import { expressApp } from './apps/express.ts';
import { fastifyApp } from './apps/fastify.ts';
import { honoApp } from './apps/hono.ts';
import { nodeApp } from './apps/node.ts';
import type { Hooks } from './apps/shared.ts';
import { webApp } from './apps/web.ts';

export { BIG_CHUNK, CHUNKS, type Hooks } from './apps/shared.ts';

type MakeApp = (governor: Governor, hooks?: Hooks) => Server;
type Framework = 'Express 4' | 'Express 5' | 'Fastify 4' | 'Fastify 5' | 'Hono' | 'node:http' | 'Request to Response';

/** By the name of the framework. The types of previous majors are compared elsewhere; what is used here is the same in both. */
export const apps: Record<Framework, MakeApp> = {
  'Express 4': (governor, hooks = {}) =>
    createServer(expressApp(express4 as unknown as typeof express, governor, hooks)),
  'Express 5': (governor, hooks = {}) => createServer(expressApp(express, governor, hooks)),
  'Fastify 4': (governor, hooks = {}) =>
    createServer(fastifyApp(fastify4 as unknown as typeof fastify, governor, hooks)),
  'Fastify 5': (governor, hooks = {}) => createServer(fastifyApp(fastify, governor, hooks)),
  Hono: (governor, hooks = {}) => createServer(honoApp(governor, hooks)),
  'node:http': (governor, hooks = {}) => createServer(nodeApp(governor, hooks)),
  'Request to Response': (governor, hooks = {}) => createServer(webApp(governor, hooks)),
};

/** How many clients are connected. */
export function connections(server: Server): Promise<number> {
  return new Promise((resolve, reject) =>
    server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  );
}
