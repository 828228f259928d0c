// The one rule that makes a node's status from the verdicts on it, for adapters, which may not reach into a core.

export { nodeStatus } from "../sphere/node-status.ts";
