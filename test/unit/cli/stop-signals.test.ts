// The first signal asks a command to stop, the second forces it; one that arrives twice at once is one.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { onStopSignals } from "../../../server/commands/signals.ts";

test("a signal that arrives twice at once counts as one, a later one as the second", (t) => {
  let nowMs = 1000;
  t.mock.method(performance, "now", () => nowMs);
  const seen: [string, number][] = [];
  const ignore = onStopSignals((signal, count) => {
    seen.push([signal, count]);
  });
  t.after(ignore);
  process.emit("SIGTERM", "SIGTERM");
  nowMs += 199;
  process.emit("SIGTERM", "SIGTERM");
  assert.deepEqual(seen, [["SIGTERM", 1]]);
  nowMs += 1;
  process.emit("SIGINT", "SIGINT");
  assert.deepEqual(seen.at(-1), ["SIGINT", 2]);
});

test("a second signal ends inspect where the file system does not answer", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "bailiwick-signals-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const [rows, copies] = [join(directory, "rows"), join(directory, "copies")];
  for (const path of [rows, copies]) mkdirSync(path);
  // Whoever opens it waits for somebody who writes.
  execFileSync("mkfifo", [join(rows, "CURRENT")]);
  const program = fileURLToPath(new URL("../../../server/main.ts", import.meta.url));
  const env = { ...process.env, TMPDIR: copies };
  const child = spawn(process.execPath, [program, "inspect", directory], {
    env,
    timeout: 10_000,
    killSignal: "SIGKILL",
  });
  const interrupting = setInterval(() => {
    if (readdirSync(copies).length > 0) child.kill("SIGINT");
  }, 250);
  t.after(() => clearInterval(interrupting));
  assert.deepEqual(await once(child, "close"), [null, "SIGINT"]);
});
