// Packs what end-to-end tests start as processes into few files. They start some 400 nodes and as many commands, and to load
// more than a thousand modules one by one is most of the work of such a start. Only test/run.ts does it, for a whole run; a
// test that is run by itself starts the checkout as it is (test/e2e/support/program.ts).

import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

/** Environment variable with the directory of what was packed: a package, the command in its root. */
export const packVariable = "BAILIWICK_TEST_PACK";

const root = join(import.meta.dirname, "..");
const directory = join(root, ".cache", "test-pack");
/** Scripts in TypeScript by which tests start a node in another way than the command does. */
const scripts = ["test/e2e/black-hole-node.ts", "test/e2e/one-node.ts"];
const programs = ["server/main.ts", "client/agent/guard-main.ts", ...scripts];
/** They load files beside themselves: native code, schemas, workers. */
const asInstalled = ["classic-level", "@grpc/*", "grpc-health-check", "pino"];
/** For packages that call `require` themselves. */
const requireLine = 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);';

/** @returns the directory; what it held before is gone */
export async function pack(): Promise<string> {
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  await build({
    ...{ absWorkingDir: root, entryPoints: programs, outdir: join(directory, "server"), entryNames: "[name]" },
    ...{ bundle: true, splitting: true, format: "esm", platform: "node", target: "node24", logLevel: "warning" },
    ...{ external: asInstalled, banner: { js: requireLine }, sourcemap: "linked" },
  });
  for (const file of ["package.json", "server/bailiwick.mjs"])
    copyFileSync(join(root, file), join(directory, file.replace("server/", "")));
  // Where the command looks for compiled code, as in the package that is published.
  writeFileSync(join(directory, "main.js"), 'import "./server/main.js";\n');
  return directory;
}
