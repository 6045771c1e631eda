/** `npm run sim`: waiting and fairness; `npm run sim -- adaptation`: limits that follow the provider's capacity. */
const [what, ...more] = process.argv.slice(2);
if (what === 'adaptation') await (await import('./adaptation/main.ts')).adaptation(more);
else await import('./scheduling.ts');
