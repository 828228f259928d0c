// The command line in a real process: what it does where its output cannot go, and where it asks.

import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../../server/main.ts", import.meta.url));

test("output that cannot be written ends the program with 1, and one line says why", () => {
  const full = openSync("/dev/full", "w");
  const { status, stderr } = spawnSync(process.execPath, [program, "--help"], { stdio: ["ignore", full, "pipe"] });
  closeSync(full);
  assert.deepEqual([status, String(stderr)], [1, "error: Cannot write to standard output: ENOSPC\n"]);
});

test("a reader that has ended ends the program without a word", () => {
  const line = 'set -o pipefail; "$0" "$1" --help | true; echo $?';
  const { stdout, stderr } = spawnSync("bash", ["-c", line, process.execPath, program], { encoding: "utf8" });
  assert.deepEqual([stdout, stderr], ["0\n", ""]);
});

const asking = `
import { createSystemDeps } from ${JSON.stringify(new URL("../../../client/cli/system-deps.ts", import.meta.url).href)};
const { askLine, interrupted } = createSystemDeps("0.1.0");
const signal = interrupted();
await askLine("Name: ", signal).then(JSON.stringify, String).then((end) => process.stderr.write(end + signal.aborted));
`;

/** Asks in a process of its own, and does what is given once it has. @returns what it printed */
async function ask(command: readonly string[], interrupt: (child: ChildProcess) => void): Promise<string> {
  const [file = "", ...rest] = command;
  const child = spawn(file, rest, { env: { ...process.env, ASKING: asking }, timeout: 10_000, killSignal: "SIGKILL" });
  let printed = "";
  let isAsked = false;
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => {
      printed += String(data);
      if (isAsked || !printed.includes("Name: ")) return;
      isAsked = true;
      interrupt(child);
    });
  }
  await once(child, "close");
  return printed;
}

const node = [process.execPath, "--input-type=module", "--eval"];

test("a question is asked no more once the process is interrupted", async () => {
  const printed = await ask([...node, asking], (child) => child.kill("SIGINT"));
  assert.match(printed, /^Name: \s*AbortError.*true$/);
});

test("Ctrl-C ends a command that waits for its standard input", async () => {
  const line = [program, "put", "rg220", "app/stamp", "-"];
  const child = spawn(process.execPath, line, { timeout: 10_000, killSignal: "SIGKILL" });
  let printed = "";
  child.stderr.on("data", (data) => {
    printed += String(data);
  });
  // Written once it reads: more than a pipe holds.
  await new Promise((resolve) => child.stdin.write(new Uint8Array(2 ** 20), resolve));
  child.kill("SIGINT");
  const [code] = (await once(child, "close")) as [number | null];
  assert.deepEqual([code, printed], [130, ""]);
});

test("Ctrl-C on the terminal on which a question is asked interrupts the process", async () => {
  const command = ["script", "-qfec", `${node.join(" ")} "$ASKING"`, "/dev/null"];
  const printed = await ask(command, (child) => child.stdin?.write("\u0003"));
  assert.match(printed, /Name: .*AbortError.*true$/s);
});
