// Turns `dist/`, as tsc left it, into the package that is published: compiled code, no test, no pinned Node.
// Type stripping refuses files below node_modules, so a package cannot ship the TypeScript that the checkout runs.

import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const source = JSON.parse(readFileSync(`${root}package.json`, "utf8"));

const { name, version, description, license, type, engines, bin, dependencies } = source;
const library = { types: "./client/index.d.ts", default: "./client/index.js" };
const manifest = { name, version, description, license, type, engines, bin, exports: { ".": library }, dependencies };

writeFileSync(`${root}dist/package.json`, `${JSON.stringify(manifest, null, 2)}\n`);
for (const file of ["LICENSE", "README.md", "CHANGELOG.md", "server/bailiwick.mjs"]) {
  copyFileSync(`${root}${file}`, `${root}dist/${file}`);
}
