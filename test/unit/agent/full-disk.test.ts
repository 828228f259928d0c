import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, openSync, rmSync } from "node:fs";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { agentLimits } from "../../../client/agent/agent-limits.ts";
import { bootClock } from "../../../client/agent/boot-clock.ts";
import { GuardHost } from "../../../client/agent/guard-host.ts";
import type { FromGuard, ToGuard } from "../../../client/agent/guard-messages.ts";
import { MessageSocket } from "../../../client/agent/message-socket.ts";
import type { RunSpec } from "../../../client/agent/run-spec.ts";
import { StateDirectory } from "../../../client/agent/state-directory.ts";
import { waitFor } from "../../e2e/support/wait.ts";
import { foreground, resource, spec } from "./specs.ts";

class FullDirectory extends StateDirectory {
  isFull = true;
  /** Until it is full. */
  writes = Number.POSITIVE_INFINITY;

  override writeGroups(): void {
    if (this.isFull || this.writes === 0) throw new Error("ENOSPC: no space left on device");
    this.writes -= 1;
  }
}

/** What it tells is kept. */
function hostOf(directory: StateDirectory, told: FromGuard[]): GuardHost {
  const tell = (one: FromGuard) => void told.push(one);
  return new GuardHost({ directory, id: "g1", clock: bootClock, tell, log: () => {} });
}

function hold(host: GuardHost, held: RunSpec = spec(["db"])): void {
  const nowMs = bootClock.nowMs();
  host.step({ type: "hold", spec: held, right: { stopAtMs: nowMs + 60_000, killAtMs: nowMs + 65_000 } });
}

test("a guard that cannot write down a group does not hold it, and lives on", () => {
  const told: FromGuard[] = [];
  const host = hostOf(new FullDirectory("/nowhere"), told);
  hold(host);
  host.step({ type: "act", group: "orders", epoch: 7, resource: "db", action: "start" });
  host.close();
  const [refusal, start] = told;
  assert.match(refusal?.type === "refused" ? refusal.why : "", /ENOSPC/);
  assert.equal(start?.type === "done" && start.outcome.isExecuted, false);
  assert.ok(host.isIdle);
});

test("a guard that cannot write down that a start is under way does not begin it", () => {
  const told: FromGuard[] = [];
  const directory = new FullDirectory("/nowhere");
  directory.isFull = false;
  const host = hostOf(directory, told);
  hold(host);
  directory.isFull = true;
  host.step({ type: "act", group: "orders", epoch: 7, resource: "db", action: "start" });
  host.close();
  const [start] = told;
  assert.equal(start?.type === "done" && start.outcome.isExecuted, false);
  assert.match(start?.type === "done" ? start.outcome.why : "", /ENOSPC/);
  assert.ok(host.isSettled);
});

test("a guard that cannot write down which process a foreground resource is ends that, and the start has failed", async () => {
  const told: FromGuard[] = [];
  const directory = new FullDirectory("/nowhere");
  directory.isFull = false;
  // That the group is held, and that the resource is being started.
  directory.writes = 2;
  const host = hostOf(directory, told);
  const runner = { ...foreground, start: ["/bin/sleep", "60"] };
  hold(host, spec([resource("db", { runner })]));
  host.step({ type: "act", group: "orders", epoch: 7, resource: "db", action: "start" });
  const { value: start } = await waitFor("the start", 5_000, () => told[0]);
  host.close();
  assert.deepEqual(start.type === "done" && [start.outcome.exitStatus, start.outcome.isExecuted], [1, true]);
  assert.match(start.type === "done" ? start.outcome.why : "", /ENOSPC/);
});

test("a guard whose log is on a full disk serves", async () => {
  const directory = mkdtempSync(join(tmpdir(), "bailiwick-guard-"));
  const script = fileURLToPath(new URL("../../../client/agent/guard-main.ts", import.meta.url));
  const stderr = openSync("/dev/full", "a");
  const guard = spawn(process.execPath, [script, directory], { stdio: ["ignore", "ignore", stderr] });
  const { promise: answer, resolve } = Promise.withResolvers<FromGuard | null>();
  guard.once("exit", () => resolve(null));
  const socket = await reach(join(directory, "guard.sock"), guard);
  const hear = (one: FromGuard) => one.type === "alive" && resolve(one);
  const messages = new MessageSocket<ToGuard, FromGuard>(socket, {
    hear,
    ended: () => resolve(null),
    messageBytesMax: agentLimits.guardMessageBytesMax,
  });
  messages.send({ type: "hello", node: "n1", settings: { systemctl: "/bin/false", ocfRoot: directory } });
  messages.send({ type: "beat" });
  assert.deepEqual(await answer, { type: "alive", pid: guard.pid });
  messages.close();
  guard.kill("SIGKILL");
  await once(guard, "exit");
  rmSync(directory, { recursive: true });
});

/** Once the guard listens there. */
async function reach(path: string, guard: ChildProcess): Promise<Socket> {
  for (;;) {
    assert.equal(guard.exitCode, null, "the guard has ended");
    const socket = createConnection(path);
    const isThere = await once(socket, "connect").then(
      () => true,
      () => false,
    );
    if (isThere) return socket;
    await sleep(20);
  }
}
