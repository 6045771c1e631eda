import { line } from '../../../bundled/app.mjs';

export const runtime = 'edge';
export const GET = async () => new Response(await line());
