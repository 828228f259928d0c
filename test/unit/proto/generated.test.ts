// The generated code is what the schemas say, the schemas pass their linter, and Node loads the code as it is.
// `buf` works offline: the schemas import nothing that is not in the repository.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "../../..");
const generated = join(root, "proto/gen");

/** @throws with the program's output when it fails */
function buf(...parameters: string[]): void {
  const bin = join(root, "node_modules/.bin");
  const env = { ...process.env, PATH: `${bin}:${process.env["PATH"] ?? ""}` };
  execFileSync(join(bin, "buf"), parameters, { cwd: root, env, encoding: "utf8", stdio: "pipe" });
}

function filesBelow(folder: string): Map<string, string> {
  const names = globSync("**/*.ts", { cwd: folder }).sort();
  return new Map(names.map((name) => [name, readFileSync(join(folder, name), "utf8")]));
}

test("generated code is up to date with the schemas", () => {
  const fresh = mkdtempSync(join(tmpdir(), "bailiwick-generated-"));
  try {
    buf("generate", "--output", fresh);
    const wanted = filesBelow(join(fresh, "proto/gen"));
    const found = filesBelow(generated);
    assert.ok(wanted.size > 20, `only ${wanted.size} files were generated`);
    assert.deepEqual([...found.keys()], [...wanted.keys()]);
    const stale = [...wanted].filter(([name, text]) => found.get(name) !== text).map(([name]) => name);
    assert.deepEqual(stale, [], "stale: run npm run generate");
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
});

test("schemas pass buf lint", () => {
  assert.doesNotThrow(() => buf("lint"));
});

test("every generated file loads without a build and describes itself", async () => {
  for (const name of globSync("**/*_pb.ts", { cwd: generated })) {
    const loaded: Record<string, unknown> = await import(join(generated, name));
    const files = Object.keys(loaded).filter((key) => key.startsWith("file_"));
    assert.equal(files.length, 1, `${name} exports ${files.length} file descriptors`);
  }
});
