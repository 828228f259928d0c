// The guard process of an agent: `node guard-main.ts DIRECTORY`, started by guard-link.ts in a session of its own, so that it
// outlives the agent.

import { serveGuard } from "./guard-server.ts";

process.title = "bailiwick-guard";
// On a full disk nothing can be said, and there is still a guard.
process.stderr.on("error", () => {});
const log = (line: string) => void process.stderr.write(`${new Date().toISOString()} guard ${line}\n`);
await serveGuard(process.argv[2] ?? "", log);
process.exit();
