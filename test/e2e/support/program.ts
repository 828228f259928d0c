// What tests start as processes: packed by test/run.ts into few files, which start in half the time, or the checkout's own.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { packVariable } from "../../pack.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const packed = process.env[packVariable];

/** The `bailiwick` command. */
export const launcher = packed === undefined ? join(root, "server", "bailiwick.mjs") : join(packed, "bailiwick.mjs");

/** A script of this folder's parent, by its name without an ending. */
export function scriptOf(name: string): string {
  return packed === undefined ? join(root, "test", "e2e", `${name}.ts`) : join(packed, "server", `${name}.js`);
}
