// Fences as an agent carries them out, with programs that really run.

import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type FenceOrder, Fences } from "../../../client/agent/fencing.ts";
import { waitFor } from "../../e2e/support/wait.ts";

class Scene {
  readonly directory = mkdtempSync(join(tmpdir(), "bailiwick-fencing-"));
  readonly fences: Fences;
  readonly log: string[] = [];
  ended = 0;

  /** @param allowed scripts that may be run */
  constructor(context: TestContext, allowed: readonly string[] = ["fence"]) {
    this.fences = new Fences({
      allow: { exec: allowed.map((name) => this.path(name)), systemd: [], ocf: [], environment: [] },
      environment: { PATH: "/bin:/usr/bin" },
      stderrFile: (group) => this.path(`${group}.stderr`),
      ended: () => {
        this.ended += 1;
      },
      log: (line) => this.log.push(line),
    });
    context.after(() => {
      this.fences.end();
      rmSync(this.directory, { recursive: true });
    });
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  script(text: string): void {
    writeFileSync(this.path("fence"), `#!/bin/sh\n${text}\n`);
    chmodSync(this.path("fence"), 0o755);
  }

  order(parts: Partial<FenceOrder> = {}): void {
    const command = [this.path("fence"), "--off"];
    const order = { order: "1/4/7/1", node: "n1", epoch: 7, command, timeoutMs: 10_000 };
    this.fences.follow([{ group: "orders", fence: { ...order, ...parts } }]);
  }

  /** Once so many have ended. */
  async outcomes(count = 1) {
    await waitFor(`${count} fences`, 20_000, () => this.ended >= count || null);
    return this.fences.outcomes;
  }

  text(name: string): string {
    return existsSync(this.path(name)) ? readFileSync(this.path(name), "utf8") : "";
  }
}

test("a fence is told of node, group and epoch, and its success is an outcome", async (context) => {
  const scene = new Scene(context);
  scene.script(`echo "$BAILIWICK_NODE $BAILIWICK_GROUP $BAILIWICK_EPOCH $1 $BAILIWICK_GUARD" >> ${scene.path("told")}`);
  scene.order();
  assert.deepEqual(scene.fences.outcomes, []);
  assert.deepEqual(await scene.outcomes(), [{ group: "orders", order: "1/4/7/1", exitStatus: 0, why: "" }]);
  assert.equal(scene.text("told"), "n1 orders 7 --off \n");
});

test("an order is carried out once, however often it is repeated, and its outcome is told until it is ordered no more", async (context) => {
  const scene = new Scene(context);
  scene.script(`echo run >> ${scene.path("told")}; sleep 0.1`);
  scene.order();
  scene.order();
  await scene.outcomes();
  scene.order();
  // Another group's answer, or none of this one, says nothing of it.
  scene.fences.follow([{ group: "accounts", fence: null }]);
  assert.equal(scene.fences.outcomes.length, 1);
  scene.fences.follow([{ group: "orders", fence: null }]);
  assert.deepEqual(scene.fences.outcomes, []);
  assert.equal(scene.text("told"), "run\n");
  scene.order({ order: "1/4/7/2" });
  assert.deepEqual(
    (await scene.outcomes(2)).map(({ order }) => order),
    ["1/4/7/2"],
  );
  assert.equal(scene.text("told"), "run\nrun\n");
});

test("the outcome of an order that was taken back while it ran is told to nobody", async (context) => {
  const scene = new Scene(context);
  scene.script(`while [ ! -e ${scene.path("go")} ]; do sleep 0.02; done`);
  scene.order();
  scene.fences.follow([{ group: "orders", fence: null }]);
  writeFileSync(scene.path("go"), "");
  assert.deepEqual(await scene.outcomes(), []);
});

test("a failure is told by exit status and by what the program says of it", async (context) => {
  const scene = new Scene(context);
  scene.script("echo The switch does not answer >&2; exit 3");
  scene.order();
  const [outcome] = await scene.outcomes();
  assert.deepEqual([outcome?.exitStatus, outcome?.why], [3, "The switch does not answer"]);
});

test("a program that is not on the allow-list is not run, whatever the database says", async (context) => {
  const scene = new Scene(context, ["other"]);
  scene.script(`echo run >> ${scene.path("told")}`);
  scene.order();
  const [outcome] = await scene.outcomes();
  assert.equal(outcome?.exitStatus, 256);
  assert.match(outcome?.why ?? "", /fence" is not in allow\.exec of this node's agent\.yaml; nothing was run$/);
  scene.order({ order: "1/4/7/2", command: [] });
  const [empty] = await scene.outcomes(2);
  assert.match(empty?.why ?? "", /^The program "" is not in allow\.exec/);
  assert.equal(scene.text("told"), "");
});

test("a fence that takes too long is killed with all that it started, and has failed", async (context) => {
  const scene = new Scene(context);
  scene.script(`sleep 60 & echo $! > ${scene.path("pid")}; wait`);
  scene.order({ timeoutMs: 300 });
  const [outcome] = await scene.outcomes();
  assert.deepEqual([outcome?.exitStatus, outcome?.why], [256, "It took longer than 300 ms, and was killed"]);
  const pid = scene.text("pid").trim();
  await waitFor("the end of what it started", 20_000, () => !isRunning(pid) || null);
});

test("a fence under way is killed when the agent ends", async (context) => {
  const scene = new Scene(context);
  scene.script(`echo $$ > ${scene.path("pid")}; sleep 60`);
  scene.order();
  await waitFor("its start", 20_000, () => scene.text("pid") !== "" || null);
  scene.fences.end();
  const [outcome] = await scene.outcomes();
  assert.deepEqual([outcome?.exitStatus, outcome?.why], [256, "Ended by SIGKILL"]);
});

function isRunning(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "latin1"));
  } catch {
    return false;
  }
}

test("a fence for what is no group's name is not run, is said to be, and leaves no file anywhere", async (context) => {
  const scene = new Scene(context);
  scene.script(`echo run >> ${scene.path("runs")}`);
  const outside = join(scene.directory, "..", "bailiwick-outside");
  const fence = { order: "1/4/7/1", node: "n1", epoch: 7, command: [scene.path("fence")], timeoutMs: 10_000 };
  for (let reports = 0; reports < 2; reports++) scene.fences.follow([{ group: "../bailiwick-outside", fence }]);
  scene.order();
  await scene.outcomes();
  const isThere = existsSync(`${outside}.stderr`);
  rmSync(`${outside}.stderr`, { force: true });
  assert.deepEqual([isThere, scene.text("runs"), scene.fences.outcomes.length], [false, "run\n", 1]);
  assert.equal(scene.log.filter((line) => line.includes("no group's name")).length, 1);
});
