/**
 * `npm run sim`: waiting and fairness; `npm run sim -- adaptation`: limits that follow the
 * provider's capacity; `npm run sim -- providers`: limits that follow what it says; `npm run sim -- hidden`: limits that it
 * enforces without telling.
 */
const [what, ...more] = process.argv.slice(2);
if (what === 'adaptation') await (await import('./adaptation/main.ts')).adaptation(more);
else if (what === 'providers') await (await import('./providers/main.ts')).providers(more);
else if (what === 'hidden') await (await import('./hidden/main.ts')).hidden(more);
else await import('./scheduling.ts');
