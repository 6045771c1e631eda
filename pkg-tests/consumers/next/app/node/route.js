import { line } from '../../../bundled/app.mjs';

export const dynamic = 'force-dynamic';
export const GET = async () => new Response(await line());
