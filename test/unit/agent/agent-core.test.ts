import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentCore, type AgentEffect, type AgentInput, type Grant } from "../../../client/agent/agent-core.ts";
import { agentLimits } from "../../../client/agent/agent-limits.ts";
import type { HeldGroup } from "../../../client/agent/guard-messages.ts";
import type { RunSpec } from "../../../client/agent/run-spec.ts";
import { exec, outcome, resource, spec } from "./specs.ts";

const allow = { exec: ["/ctl"], systemd: [], ocf: [], environment: [] };
const ttlMs = 20_000;
const stopBudgetMs = 5_000;

function grant(parts: Partial<Grant> = {}): Grant {
  return {
    group: "orders",
    epoch: 7,
    isGranted: true,
    ttlMs,
    stopBudgetMs,
    isEndless: false,
    isWantedOnline: true,
    why: "because",
    ...parts,
  };
}

class DrivenAgent {
  readonly core = new AgentCore(allow);
  nowMs = 100_000;
  readonly #done: string[] = [];

  constructor(groups: readonly HeldGroup[] = []) {
    this.input({ type: "guard", message: { type: "state", id: "g1", groups } });
  }

  input(input: AgentInput): this {
    for (const effect of this.core.step(input, this.nowMs)) this.#done.push(textOf(effect));
    return this;
  }

  /** A report is sent now, and answered `afterMs` later. */
  report(grants: readonly Grant[], afterMs = 0): this {
    const sentMs = this.nowMs;
    const { stories } = this.core;
    this.nowMs += afterMs;
    return this.input({ type: "answered", sentMs, stories, grants });
  }

  read(read: RunSpec | null = spec(["db"])): this {
    return this.input({ type: "read", group: "orders", epoch: 7, spec: read });
  }

  done(action: "start" | "stop", epoch = 7): this {
    const message = { type: "done", group: "orders", epoch, resource: "db", action, outcome: outcome() } as const;
    return this.input({ type: "guard", message });
  }

  /** The guard's answer where it does not hold the group. */
  notHeld(action: "start" | "stop", name: string): this {
    const ended = outcome({ exitStatus: action === "start" ? 1 : 0, isExecuted: false, why: "It is not held" });
    const message = { type: "done", group: "orders", epoch: 7, resource: name, action, outcome: ended } as const;
    return this.input({ type: "guard", message });
  }

  /** It runs, and cannot be stopped. */
  stopFailed(): this {
    const at = { group: "orders", epoch: 7, resource: "db" };
    const failed = { ...at, type: "done", action: "stop", outcome: outcome({ exitStatus: 1 }) } as const;
    this.input({ type: "guard", message: failed });
    return this.input({ type: "guard", message: { ...at, type: "killed", left: 1 } });
  }

  /** Runs under a right of now. */
  online(): this {
    this.report([grant()]).read().done("start").take();
    return this;
  }

  take(): readonly string[] {
    return this.#done.splice(0);
  }

  get told(): readonly string[] {
    return this.core.stories.map(({ group, epoch, state, renews }) => `${group} ${epoch} ${state} ${renews}`);
  }
}

function textOf(effect: AgentEffect): string {
  if (effect.type !== "tell") return `${effect.type} ${effect.type === "read" ? effect.group : effect.resource}`;
  const { message } = effect;
  switch (message.type) {
    case "hold":
    case "extend":
      return `${message.type} ${message.right.stopAtMs} ${message.right.killAtMs}`;
    case "act":
      return `${message.action} ${message.resource} ${message.epoch}`;
    case "forget":
      return `forget ${message.epoch}`;
    default:
      return message.type;
  }
}

test("a group that is granted is read, held by the guard, started, and told of as soon as it is online", () => {
  const agent = new DrivenAgent().report([grant()]);
  assert.deepEqual([agent.take(), agent.told], [["read orders"], ["orders 7 acquiring true"]]);
  agent.read();
  assert.deepEqual(agent.take(), ["hold 113990 118990", "start db 7"]);
  agent.done("start");
  assert.deepEqual(agent.told, ["orders 7 online true"]);
});

test("a right counts from the sending of the report, less the largest difference of clocks, however late the answer is", () => {
  const agent = new DrivenAgent().report([grant()], 3_000).read();
  assert.ok(agent.take().includes("hold 113990 118990"));
  const slow = new DrivenAgent().report([grant()]).read(spec(["db"], [], { clockRateError: 0.2 }));
  assert.ok(slow.take().includes("hold 110990 115990"));
});

test("a renewal moves the end of the right", () => {
  const agent = new DrivenAgent().online();
  agent.nowMs += 2_000;
  agent.report([grant()], 500);
  assert.deepEqual(agent.take(), ["extend 115990 120990"]);
});

test("what is not renewed in time is stopped when its stop budget begins, and not before", () => {
  const agent = new DrivenAgent().online();
  const deadlineMs = agent.core.deadlineMs(agent.nowMs);
  assert.ok(deadlineMs !== null && deadlineMs <= 113_990);
  agent.nowMs = 113_989;
  agent.input({ type: "deadline" });
  assert.ok(!agent.take().includes("stop db 7"));
  agent.nowMs = 113_990;
  agent.input({ type: "deadline" });
  assert.deepEqual([agent.take(), agent.told], [["stop db 7"], ["orders 7 releasing true"]]);
});

test("a right without end is kept without any answer, and ends with a word", () => {
  const agent = new DrivenAgent()
    .report([grant({ isEndless: true })])
    .read()
    .done("start");
  agent.take();
  agent.nowMs += 10 * 365 * 24 * 3_600_000;
  agent.input({ type: "deadline" });
  assert.deepEqual([agent.take(), agent.told], [["monitor db"], ["orders 7 online true"]]);
  agent.report([grant({ isGranted: false, ttlMs: 0, stopBudgetMs: 0 })]);
  const { nowMs } = agent;
  assert.deepEqual(agent.take(), [`extend ${nowMs} ${nowMs + stopBudgetMs}`, "stop db 7"]);
});

test("the right without end that the guard is told is a number in JSON, with the stop budget before its end", () => {
  const core = new AgentCore(allow);
  core.step({ type: "guard", message: { type: "state", id: "g1", groups: [] } }, 0);
  core.step({ type: "answered", sentMs: 0, stories: [], grants: [grant({ isEndless: true })] }, 0);
  const effects = core.step({ type: "read", group: "orders", epoch: 7, spec: spec(["db"]) }, 0);
  const [hold] = effects.flatMap((effect) =>
    effect.type === "tell" && effect.message.type === "hold" ? [effect] : [],
  );
  const { right } = JSON.parse(JSON.stringify(hold?.message));
  assert.equal(right.killAtMs - right.stopAtMs, stopBudgetMs);
  assert.ok(right.stopAtMs > 1e14);
});

test("a group that is wanted offline is stopped, told of once as offline, and forgotten when that was heard", () => {
  const agent = new DrivenAgent().online().report([grant({ isWantedOnline: false })]);
  assert.deepEqual(agent.take(), ["extend 113990 118990", "stop db 7"]);
  agent.done("stop");
  assert.deepEqual(agent.told, ["orders 7 offline false"]);
  agent.report([grant({ isWantedOnline: false })]);
  assert.deepEqual([agent.take(), agent.told], [["forget 7"], []]);
});

test("a group is not begun anew by the answer to the report that told of its end", () => {
  const agent = new DrivenAgent().online().report([grant({ isWantedOnline: false })]);
  agent.done("stop").report([grant()]);
  assert.deepEqual(agent.told, []);
  agent.report([grant()]);
  assert.deepEqual(agent.told, ["orders 7 acquiring true"]);
});

test("a group whose right is lost is stopped at once, within its stop budget", () => {
  const agent = new DrivenAgent().online().report([grant({ isGranted: false, epoch: 8 })]);
  assert.deepEqual(agent.take(), ["extend 100000 105000", "stop db 7"]);
});

test("an older epoch is stopped before a newer one begins", () => {
  const agent = new DrivenAgent().online().report([grant({ epoch: 8 })]);
  assert.deepEqual(agent.take(), ["stop db 7"]);
  agent.report([grant({ epoch: 8 })]).take();
  agent.done("stop").report([grant({ epoch: 8 })]);
  assert.deepEqual(agent.take(), ["forget 7", "read orders"]);
  assert.deepEqual(agent.told, ["orders 8 acquiring true"]);
});

test("the word of an older epoch changes nothing", () => {
  const agent = new DrivenAgent().online().report([grant({ epoch: 6, isGranted: false })]);
  assert.deepEqual([agent.take(), agent.told], [[], ["orders 7 online true"]]);
});

test("ownership without a lease is advice: nothing is started", () => {
  assert.deepEqual(new DrivenAgent().report([grant({ ttlMs: 0 })]).take(), []);
});

test("a group that is wanted offline and does not run is told of as offline", () => {
  const agent = new DrivenAgent().report([grant({ isWantedOnline: false })]);
  assert.deepEqual(agent.told, ["orders 7 offline false"]);
  agent.report([grant({ isWantedOnline: false })]);
  assert.deepEqual([agent.take(), agent.told], [[], []]);
});

test("nothing is executed of a group with a program that is not allowed, and its error says so", () => {
  const refused = spec([{ ...spec(["db"]).resources[0], runner: { type: "systemd", unit: "sshd.service" } } as never]);
  const agent = new DrivenAgent().report([grant()]).read(refused);
  assert.deepEqual(agent.take(), ["read orders"]);
  assert.deepEqual(agent.told, ["orders 7 error false"]);
  assert.match(agent.core.stories[0]?.resources[0]?.why ?? "", /"sshd.service" is not in allow.systemd/);
});

test("nothing is executed of a group whose name, or a resource's, is none and could lead elsewhere as a path", () => {
  const agent = new DrivenAgent().report([grant({ group: "../orders" })]);
  assert.deepEqual([agent.take(), agent.told], [[], []]);
  agent.report([grant()]).read(spec(["db", "../../etc/cron.d/db"]));
  assert.deepEqual([agent.take(), agent.told], [["read orders"], ["orders 7 error false"]]);
  const [story] = agent.core.stories;
  assert.deepEqual(
    story?.resources.map(({ resource: name, why }) => [name, why]),
    [["db", '"../../etc/cron.d/db" is no resource name; nothing was run']],
  );
});

test("a group that the guard does not hold is in error with the reason, so that it moves, and nothing of it runs", () => {
  const agent = new DrivenAgent().report([grant()]).read(spec(["db", "web"]));
  const why = "The guard cannot write down its groups: ENOSPC";
  agent.input({ type: "guard", message: { type: "refused", group: "orders", epoch: 7, why } });
  agent.notHeld("start", "db").notHeld("start", "web").notHeld("stop", "db").notHeld("stop", "web");
  const [story] = agent.core.stories;
  assert.deepEqual([agent.told, story?.isSafe], [["orders 7 error false"], true]);
  assert.deepEqual(story?.resources[0] && [story.resources[0].phase, story.resources[0].why], ["offline", why]);
});

test("of a group beyond those that the guard holds the agent says why it does not run it", () => {
  const others = Array.from({ length: agentLimits.groupsMax }, (_, place) => grant({ group: `g${place}` }));
  const agent = new DrivenAgent().report(others).report([grant()]).read();
  const why = "The guard holds 1024 groups already";
  agent.input({ type: "guard", message: { type: "refused", group: "orders", epoch: 7, why } });
  agent.notHeld("start", "db").notHeld("stop", "db");
  const story = agent.core.stories.find(({ group }) => group === "orders");
  assert.deepEqual([story?.state, story?.renews, story?.isSafe, story?.why], ["error", false, true, why]);
});

test("a configuration of another epoch is not run", () => {
  const agent = new DrivenAgent().report([grant()]).read(spec(["db"], [], { epoch: 8 }));
  assert.deepEqual([agent.take(), agent.told], [["read orders"], []]);
});

test("a configuration that comes when stopping would have to begin is not run", () => {
  const agent = new DrivenAgent().report([grant()]);
  agent.nowMs += 14_000;
  agent.read();
  assert.ok(!agent.take().includes("start db 7"));
});

test("an agent that begins anew adopts what runs, reports it under its epoch, and starts nothing twice", () => {
  const right = { stopAtMs: 110_000, killAtMs: 115_000 };
  const held = { spec: spec(["db"]), right, seized: null, resources: [{ name: "db", phase: "running" }] } as const;
  const agent = new DrivenAgent([held]);
  assert.deepEqual([agent.take(), agent.told], [[], ["orders 7 online true"]]);
  agent.report([grant()]);
  assert.deepEqual(agent.take(), ["extend 113990 118990"]);
});

test("an agent that begins anew stops what may not be run any more, and its error says why", () => {
  const right = { stopAtMs: 110_000, killAtMs: 115_000 };
  const other = spec([resource("db", { runner: { ...exec, start: ["/old", "start"] } }), "app"]);
  const agent = new DrivenAgent([{ spec: other, right, seized: null, resources: [{ name: "db", phase: "running" }] }]);
  assert.deepEqual([agent.take(), agent.told], [["stop db 7"], ["orders 7 releasing true"]]);
  agent.done("stop");
  assert.deepEqual([agent.take(), agent.told], [[], ["orders 7 error false"]]);
  assert.match(agent.core.stories[0]?.resources[0]?.why ?? "", /"\/old" is not in allow.exec/);
});

test("an agent that begins anew goes on with the stop of what its guard is stopping", () => {
  const right = { stopAtMs: 99_000, killAtMs: 115_000 };
  const resources = [{ name: "db", phase: "stopping" }] as const;
  const agent = new DrivenAgent([{ spec: spec(["db"]), right, seized: "too late", resources }]);
  assert.deepEqual([agent.take(), agent.told], [[], ["orders 7 releasing true"]]);
  agent.done("stop");
  assert.deepEqual(agent.told, ["orders 7 offline false"]);
});

test("an agent that was told to end stops everything, begins nothing, says so, and is done even when nobody hears that", () => {
  const agent = new DrivenAgent().online().input({ type: "leave" });
  assert.deepEqual([agent.take(), agent.core.isDone], [["stop db 7"], false]);
  agent.done("stop");
  assert.deepEqual([agent.core.isDone, agent.told], [true, ["orders 7 offline false"]]);
  agent.report([grant(), grant({ group: "other" })]);
  assert.deepEqual([agent.core.isDone, agent.told], [true, ["other 7 offline false"]]);
  agent.report([grant({ group: "other" })]);
  assert.deepEqual([agent.core.isDone, agent.told], [true, []]);
});

test("that a group has stopped is told until the group itself has heard it, whatever its node answers", () => {
  const agent = new DrivenAgent().online().input({ type: "leave" }).done("stop");
  agent.take();
  agent.report([grant({ group: "other", isGranted: false })]);
  assert.deepEqual([agent.take(), agent.told, agent.core.isHeard], [[], ["orders 7 offline false"], false]);
  agent.report([grant()]);
  assert.deepEqual([agent.take(), agent.told, agent.core.isHeard], [["forget 7"], [], true]);
});

test("an agent that is told to end before a group was read tells that the group does not run", () => {
  const agent = new DrivenAgent().report([grant()]).input({ type: "leave" });
  assert.deepEqual([agent.core.isDone, agent.told], [true, ["orders 7 offline false"]]);
  agent.report([grant({ isWantedOnline: false })]);
  assert.deepEqual(agent.told, []);
});

test("a group of which it is to be told that it does not run is not begun by an answer that was on its way", () => {
  const agent = new DrivenAgent().report([grant()]);
  agent.nowMs += 14_000;
  const { stories } = agent.core;
  agent.input({ type: "deadline" });
  agent.input({ type: "answered", sentMs: agent.nowMs, stories, grants: [grant()] });
  assert.deepEqual(agent.told, ["orders 7 offline false"]);
});

test("an agent that is forced has the guard kill everything now", () => {
  const agent = new DrivenAgent().online().input({ type: "force" });
  assert.deepEqual(agent.take(), ["extend 100000 100000", "stop db 7"]);
});

test("an agent whose guard has ended stops everything and begins nothing until there is another", () => {
  const agent = new DrivenAgent().online().input({ type: "guardLost" });
  assert.deepEqual(agent.take(), ["stop db 7"]);
  agent.done("stop").report([]).report([grant()]);
  assert.deepEqual(agent.told, []);
  agent.input({ type: "guard", message: { type: "state", id: "g1", groups: [] } }).report([grant()]);
  assert.deepEqual(agent.told, ["orders 7 acquiring true"]);
});

test("an agent that has been without a guard for long answers what it is given with an error, so that it moves", () => {
  const agent = new DrivenAgent().input({ type: "guardLost" }).report([grant()]);
  assert.deepEqual([agent.take(), agent.told], [[], []]);
  agent.nowMs += agentLimits.guardlessMs;
  agent.report([grant()]).read();
  assert.deepEqual([agent.take(), agent.told], [["read orders"], ["orders 7 error false"]]);
  assert.match(agent.core.stories[0]?.resources[0]?.why ?? "", /has no guard process/);
  agent.input({ type: "guard", message: { type: "state", id: "g1", groups: [] } });
  agent.report([grant({ epoch: 9 })]).report([grant({ epoch: 9, isWantedOnline: false })]);
  assert.deepEqual(agent.report([grant({ epoch: 10 })]).told, ["orders 10 acquiring true"]);
});

test("an agent waits for another guard no longer than for what can be stopped", () => {
  const agent = new DrivenAgent().online().input({ type: "guardLost" });
  assert.equal(agent.core.isSettled, false);
  agent.stopFailed();
  assert.deepEqual([agent.told, agent.core.isSettled], [["orders 7 error true"], true]);
});

test("a group whose configuration is being read when the guard ends is not begun without one", () => {
  const agent = new DrivenAgent().report([grant()]).input({ type: "guardLost" });
  assert.deepEqual([agent.told, agent.core.isSettled], [[], true]);
  agent.take();
  assert.deepEqual(agent.read().take(), []);
});

test("the right of a group in error, of which something may run, does not hurry the guard", () => {
  const agent = new DrivenAgent().online();
  assert.equal(agent.core.urgentRights.length, 1);
  agent.report([grant({ isWantedOnline: false })]).stopFailed();
  assert.deepEqual([agent.core.rights.size, agent.core.urgentRights], [1, []]);
});

test("reports are sent as often as the most demanding group says, and a tenth of the ttl where none does", () => {
  const agent = new DrivenAgent();
  assert.equal(agent.core.intervalMs, 1_000);
  agent.report([grant({ ttlMs: 4_000, stopBudgetMs: 500 })]).read();
  assert.equal(agent.core.intervalMs, 400);
  const other = new DrivenAgent().report([grant()]).read(spec(["db"], [], { renewIntervalMs: 300 }));
  assert.equal(other.core.intervalMs, 300);
});

test("an agent tells what may run of its groups, with what may be starting", () => {
  const agent = new DrivenAgent();
  agent.report([grant()]);
  assert.equal(agent.core.mayRun.length, 0, "before its configuration is read nothing is begun");
  agent.read(spec(["db", "web"]));
  const [begun] = agent.core.mayRun;
  assert.deepEqual(begun && [begun.spec, begun.stopBudgetMs, begun.starting], [
    spec(["db", "web"]),
    stopBudgetMs,
    ["db", "web"],
  ]);
  assert.equal(begun?.killAtMs, agent.core.rights.get("orders")?.killAtMs);
  agent.done("start");
  assert.deepEqual(agent.core.mayRun[0]?.starting, ["web"]);
});
