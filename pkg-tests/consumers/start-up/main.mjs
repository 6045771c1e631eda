// How long it takes from nothing to the first decision, in ms.
const start = performance.now();
const { createGovernor, presets } = await import('throttleai');
createGovernor(presets.balanced()).acquire({ actorId: 'user-1', action: 'chat' });
console.log(performance.now() - start);
process.exit();
