// The promise of watches in full: node test/sim/watches.ts [SEED]. 100,000 events, 100 broken streams and 10 changes of the manager take
// half a minute; what a reader was told wrongly is thrown.

import { playWatchScene } from "./watch-scene.ts";

const seed = Number(process.argv[2] ?? 1);
const startedMs = performance.now();
const counts = playWatchScene(seed, { events: 100_000, breaks: 100, failOvers: 10 });
const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
process.stdout.write(`seed ${seed}: none lost, none twice, in ${seconds} s: ${JSON.stringify(counts)}\n`);
