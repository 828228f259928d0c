import assert from "node:assert/strict";
import { test } from "node:test";
import { agentLimits } from "../../../client/agent/agent-limits.ts";
import type { ProcessId } from "../../../client/agent/run-spec.ts";
import { DrivenGuard } from "./driven-guard.ts";
import { foreground, needs, outcome, resource, spec } from "./specs.ts";

const right = { stopAtMs: 10_000, killAtMs: 15_000 };
const killMs = right.killAtMs - agentLimits.killLeadMs;
const pair = () => spec(["data", "db"], [needs("db", ["data"])]);
const left = (starting: readonly string[] = [], killAtMs: number | null = null) => {
  const groups = [{ spec: pair(), stopBudgetMs: 5_000, starting, children: [], killAtMs }];
  return { type: "leftover", groups, why: "the guard before has ended" } as const;
};
const child = () => spec([resource("app", { runner: foreground, stopTimeoutMs: 2_000 })]);
const leftChild = (process: ProcessId | null) => {
  const children = [{ resource: "app", process }];
  const groups = [{ spec: child(), stopBudgetMs: 5_000, starting: [], children, killAtMs: null }];
  return { type: "leftover", groups, why: "the guard before has ended" } as const;
};

test("a guard does what its agent asks for, and tells how it ended", () => {
  const guard = new DrivenGuard().hold(pair(), right).act("start", "data");
  assert.deepEqual(guard.take(), ["persist orders", "persist orders/data", "run start data"]);
  guard.acted("start", "data", { exitStatus: 1 }).act("stop", "data");
  assert.deepEqual(guard.take(), ["persist orders", "run stop data"]);
  guard.acted("stop", "data");
  assert.deepEqual(guard.outcomes, ["start data 1", "stop data 0"]);
});

test("a guard does nothing by itself while its agent renews the right", () => {
  const guard = new DrivenGuard().hold(pair(), right).start("data", "db");
  for (let beats = 0; beats < 20; beats++) {
    const now = { stopAtMs: guard.nowMs + 10_000, killAtMs: guard.nowMs + 15_000 };
    guard.input({ type: "extend", group: "orders", epoch: 7, right: now }).pass(5_000);
  }
  assert.deepEqual(guard.take(), []);
});

test("a guard does nothing by itself when its agent is gone, as long as the right lasts", () => {
  const guard = new DrivenGuard().hold(pair(), right).start("data", "db").input({ type: "disconnected" });
  assert.deepEqual(guard.pass(9_999).take(), []);
});

test("a guard whose agent is gone stops everything in order when stopping has to begin", () => {
  const guard = new DrivenGuard().hold(pair(), right).start("data", "db").input({ type: "disconnected" });
  assert.deepEqual(guard.pass(10_000).take(), ["run stop db"]);
  guard.acted("stop", "db");
  assert.deepEqual(guard.take(), ["run stop data"]);
  guard.acted("stop", "data").pass(10_000);
  assert.deepEqual(guard.take(), ["persist "]);
  assert.ok(guard.guard.isIdle);
});

test("an agent that is connected and silent is as good as gone", () => {
  const guard = new DrivenGuard().hold(pair(), right).start("data", "db");
  guard.isBeating = false;
  assert.deepEqual(guard.pass(10_000).take(), ["run stop db"]);
});

test("an agent that lives is given a grace, and then the guard stops the group by itself", () => {
  const guard = new DrivenGuard().hold(pair(), right).start("data", "db");
  assert.deepEqual(guard.pass(10_900).take(), []);
  assert.deepEqual(guard.pass(100).take(), ["run stop db"]);
  assert.equal(guard.told.at(-1)?.type, "seized");
});

test("whatever is left before the end of the right is killed, and what had not been stopped is stopped at once after it", () => {
  const guard = new DrivenGuard().hold(pair(), right).start("data", "db").input({ type: "disconnected" });
  guard.pass(10_000).take();
  guard.nowMs = killMs - 1;
  assert.deepEqual(guard.input({ type: "deadline" }).take(), []);
  guard.nowMs = killMs;
  assert.deepEqual(guard.input({ type: "deadline" }).take(), ["kill *"]);
  assert.deepEqual(guard.acted("stop", "db", { exitStatus: null }).take(), []);
  assert.deepEqual(guard.cleared(null).take(), ["run stop data", "run stop db"]);
});

test("a stop command that was killed with everything else is tried once more, even when its end is heard of late", () => {
  const guard = new DrivenGuard().hold(pair(), right).start("data", "db").input({ type: "disconnected" });
  guard.pass(10_000);
  guard.nowMs = killMs;
  guard.input({ type: "deadline" }).cleared(null).take();
  assert.deepEqual(guard.acted("stop", "db", { exitStatus: null }).take(), ["run stop db"]);
  assert.deepEqual(guard.acted("stop", "db", { exitStatus: 1 }).take(), []);
  assert.equal(guard.outcomes.at(-1), "stop db 1");
});

test("what could not be stopped before everything was killed is tried once more after it", () => {
  const guard = new DrivenGuard().hold(pair(), right).start("data").input({ type: "disconnected" }).pass(10_000);
  guard.acted("stop", "data", { exitStatus: 1 });
  guard.nowMs = killMs;
  guard.input({ type: "deadline" }).take();
  assert.deepEqual(guard.cleared(null).take(), ["run stop data"]);
  assert.deepEqual(guard.acted("stop", "data", { exitStatus: 1 }).pass(60_000).take(), []);
});

test("a stop that an agent asks for after the end of the right begins when everything has been killed", () => {
  const guard = new DrivenGuard().hold(pair(), right).start("data", "db").act("stop", "db");
  guard.acted("stop", "db", { exitStatus: 1 }).take();
  guard.nowMs = 60_000;
  assert.deepEqual(guard.act("stop", "db").take(), ["kill *"]);
  assert.deepEqual(guard.act("stop", "data").take(), []);
  assert.deepEqual(guard.cleared(null).take(), ["run stop data", "run stop db"]);
});

test("what is stopped is not stopped again, however late an agent asks for it", () => {
  const guard = new DrivenGuard().hold(pair(), right).start("data", "db").act("stop", "db").acted("stop", "db");
  guard.take();
  guard.act("stop", "db");
  assert.deepEqual([guard.take(), guard.outcomes.at(-1)], [[], "stop db 0"]);
});

test("what a guard without an agent could not stop is killed before the end of the right", () => {
  const guard = new DrivenGuard().hold(pair(), right).start("data").input({ type: "disconnected" }).pass(10_000);
  guard.acted("stop", "data", { exitStatus: 1 }).take();
  assert.equal(guard.guard.deadlineMs(guard.nowMs), killMs);
  guard.nowMs = killMs;
  assert.deepEqual(guard.input({ type: "deadline" }).take(), ["kill *"]);
});

test("a right that has no stop budget is killed at its end and not before", () => {
  const guard = new DrivenGuard().hold(pair(), { stopAtMs: killMs, killAtMs: right.killAtMs }).start("data");
  guard.input({ type: "disconnected" }).pass(killMs - 100);
  assert.deepEqual(guard.take(), []);
  assert.deepEqual(guard.pass(100).take(), ["kill *"]);
});

test("after a suspend that was longer than the right everything is killed at the first look at the clock", () => {
  const guard = new DrivenGuard().hold(pair(), right).start("data", "db");
  guard.nowMs = 3_600_000;
  assert.deepEqual(guard.input({ type: "deadline" }).take(), ["kill *"]);
});

test("a right that was renewed after stopping had begun is not the end of the stop", () => {
  const guard = new DrivenGuard().hold(pair(), right).start("data", "db").input({ type: "disconnected" });
  guard.pass(10_000).take();
  guard.input({ type: "connected" });
  guard.input({ type: "extend", group: "orders", epoch: 7, right: { stopAtMs: 90_000, killAtMs: 95_000 } });
  guard.acted("stop", "db");
  assert.deepEqual(guard.take(), ["run stop data"]);
});

test("nothing is started of a group that the guard stops", () => {
  const guard = new DrivenGuard().hold(pair(), right).start("data").input({ type: "stopAll", why: "shutdown" });
  guard.take();
  guard.act("start", "db");
  assert.deepEqual([guard.take(), guard.outcomes.at(-1)], [[], "start db 1"]);
});

test("a start command that is under way is ended before its stop begins", () => {
  const guard = new DrivenGuard().hold(pair(), right).act("start", "data");
  guard.take();
  guard.act("stop", "data");
  assert.deepEqual(guard.take(), ["abort data"]);
  guard.acted("start", "data", { exitStatus: null });
  assert.deepEqual(guard.take(), ["persist orders", "run stop data"]);
});

test("a foreground process gets SIGTERM, and is stopped when all of its kind is gone", () => {
  const guard = new DrivenGuard().hold(child(), right).act("start", "app");
  assert.deepEqual(guard.take(), ["persist orders", "persist orders/app=?", "spawn app", "persist orders/app=70"]);
  guard.acted("start", "app").act("stop", "app");
  assert.deepEqual(guard.take(), ["SIGTERM app"]);
  guard.childEnded("app");
  assert.deepEqual([guard.take(), guard.outcomes.at(-1)], [["kill app"], "start app 0"]);
  assert.equal(guard.cleared("app").outcomes.at(-1), "stop app 0");
});

test("a foreground process that does not end gets SIGKILL at its stop time-out, once", () => {
  const guard = new DrivenGuard().hold(child(), right).start("app").act("stop", "app");
  guard.take();
  assert.deepEqual(guard.pass(1_900).take(), []);
  assert.deepEqual(guard.pass(1_000).take(), ["SIGKILL app"]);
  guard.childEnded("app").cleared("app");
  const [last] = guard.told.toReversed().filter(({ type }) => type === "done");
  assert.match(last?.type === "done" ? last.outcome.why : "", /killed/);
});

test("the stop of a foreground process that SIGKILL does not end has failed, and it is stopped once it has ended after all", () => {
  const guard = new DrivenGuard().hold(child(), { stopAtMs: 60_000, killAtMs: 65_000 }).start("app").act("stop", "app");
  const told = () => guard.told.map((one) => (one.type === "killed" ? one.left : one.type)).slice(1);
  guard.pass(2_000 + agentLimits.killPatienceMs);
  assert.equal(guard.outcomes.at(-1), "stop app 1");
  // On its way out it bears no mark.
  guard.input({ type: "kill", group: "orders", epoch: 7, resource: "app" }).cleared("app");
  assert.deepEqual(told().slice(1), ["done", 1]);
  guard.act("stop", "app").childEnded("app").cleared("app");
  assert.equal(guard.outcomes.at(-1), "stop app 0");
  assert.ok(guard.guard.isSettled);
});

test("a guard that stops a group by itself stops what SIGKILL had not ended when it has ended after all", () => {
  const guard = new DrivenGuard().hold(child(), right).start("app");
  guard.isBeating = false;
  guard.input({ type: "disconnected" }).pass(right.killAtMs).cleared(null).pass(agentLimits.killPatienceMs);
  assert.deepEqual([guard.outcomes.at(-1), guard.guard.isSettled], ["stop app 1", true]);
  guard.childEnded("app").cleared("app").input({ type: "deadline" });
  assert.deepEqual([guard.outcomes.at(-1), guard.guard.isIdle], ["stop app 0", true]);
});

test("a foreground process gets SIGKILL at the end of the right, whatever mark it bears, and once more if it began late", () => {
  const guard = new DrivenGuard().hold(child(), right).start("app");
  guard.nowMs = killMs;
  assert.deepEqual(guard.input({ type: "deadline" }).take(), ["SIGKILL app", "kill *"]);
  assert.deepEqual(guard.cleared(null).take(), ["SIGKILL app"]);
  assert.deepEqual(guard.childEnded("app").take(), ["kill app"]);
  assert.equal(guard.cleared("app").outcomes.at(-1), "stop app 0");
});

test("a foreground process that ends by itself is told of, and its stop kills what it has left behind", () => {
  const guard = new DrivenGuard().hold(child(), right).start("app").childEnded("app");
  assert.equal(guard.told.at(-1)?.type, "ended");
  guard.act("stop", "app");
  assert.deepEqual(guard.take(), ["kill app"]);
});

test("a foreground process that ended while there was no agent is told of to the next one, after what is held", () => {
  const guard = new DrivenGuard().hold(child(), right).start("app").input({ type: "disconnected" }).childEnded("app");
  guard.told.length = 0;
  guard.input({ type: "connected" });
  const [state, ended, ...more] = guard.told;
  assert.deepEqual([state?.type, ended?.type, more], ["state", "ended", []]);
  assert.equal(ended?.type === "ended" && ended.outcome.exitStatus, null);
});

test("processes that cannot be killed make the stop a failure", () => {
  const guard = new DrivenGuard().hold(child(), right).start("app").act("stop", "app").childEnded("app");
  assert.equal(guard.cleared("app", 2).outcomes.at(-1), "stop app 1");
});

test("an agent that begins anew hears what runs, and may go on", () => {
  const guard = new DrivenGuard().hold(pair(), right).start("data").act("start", "db").input({ type: "disconnected" });
  guard.pass(5_000).input({ type: "connected" });
  const state = guard.told.at(-1);
  assert.equal(state?.type, "state");
  assert.deepEqual(state?.type === "state" ? state.groups : [], [
    {
      spec: pair(),
      right,
      seized: null,
      resources: [
        { name: "data", phase: "running" },
        { name: "db", phase: "starting" },
      ],
    },
  ]);
});

test("what a guard before has left is stopped in order, at once when what that one was doing has ended", () => {
  const guard = new DrivenGuard().input(left());
  assert.deepEqual(guard.take(), ["end commands"]);
  guard.input({ type: "commandsEnded", group: "orders" });
  assert.deepEqual(guard.take(), ["run stop db"]);
  guard.acted("stop", "db");
  assert.deepEqual(guard.take(), ["run stop data"]);
});

test("what a guard before was starting is ended before anything is stopped, whatever an agent asks for meanwhile", () => {
  const guard = new DrivenGuard().input(left(["db"])).input({ type: "connected" });
  assert.deepEqual(guard.take(), ["end commands db"]);
  guard.act("stop", "db").act("start", "db").pass(1_000);
  assert.deepEqual(guard.take(), []);
  assert.deepEqual(guard.input({ type: "commandsEnded", group: "orders" }).take(), ["run stop db"]);
});

test("what a guard before has left is killed when it is not stopped within its budget", () => {
  const guard = new DrivenGuard().input(left()).input({ type: "commandsEnded", group: "orders" });
  guard.take();
  assert.deepEqual(guard.pass(5_000).take(), ["kill *"]);
});

test("what a guard before has left is killed before its right ends, where that is known", () => {
  const guard = new DrivenGuard().input(left([], 2_000)).input({ type: "commandsEnded", group: "orders" });
  guard.take();
  assert.deepEqual(guard.pass(1_800).take(), []);
  assert.deepEqual(guard.pass(100).take(), ["kill *"]);
  const late = new DrivenGuard().input(left(["db"], 100));
  assert.deepEqual(late.take(), ["end commands db", "kill *"]);
});

test("a guard writes down that a start command is under way before it begins, and no longer when it has ended", () => {
  const guard = new DrivenGuard().hold(pair(), right).act("start", "data");
  assert.deepEqual(guard.take(), ["persist orders", "persist orders/data", "run start data"]);
  guard.act("stop", "data");
  assert.deepEqual(guard.take(), ["abort data"]);
  guard.acted("start", "data", { exitStatus: null });
  assert.deepEqual(guard.take(), ["persist orders", "run stop data"]);
});

test("a group is not held anew, nor forgotten, while what bears its mark is still being killed", () => {
  const guard = new DrivenGuard().hold(pair(), right).start("data").act("stop", "data");
  guard.nowMs = killMs;
  guard.input({ type: "deadline" }).acted("stop", "data");
  assert.deepEqual(guard.take(), ["run stop data", "kill *"]);
  const later = { stopAtMs: 90_000, killAtMs: 95_000 };
  const hold = { type: "hold", spec: { ...pair(), epoch: 8 }, right: later } as const;
  guard.input(hold);
  assert.deepEqual([guard.take(), guard.told.at(-1)?.type], [[], "seized"]);
  guard.input({ type: "forget", group: "orders", epoch: 7 }).input(hold);
  assert.deepEqual([guard.take(), guard.told.at(-1)?.type], [[], "seized"]);
  guard.cleared(null).input(hold);
  assert.deepEqual(guard.take(), ["persist orders"]);
});

test("what a monitor proves to be stopped, whose stop had failed, may be started again", () => {
  const guard = new DrivenGuard().hold(pair(), right).start("data").act("stop", "data");
  guard.acted("stop", "data", { exitStatus: 1 }).input({ type: "proved", group: "orders", epoch: 7, resource: "data" });
  guard.take();
  guard.act("start", "data");
  assert.deepEqual(guard.take(), ["persist orders/data", "run start data"]);
});

test("an older epoch changes nothing of a group that runs under a newer one", () => {
  const guard = new DrivenGuard().hold(pair(), right).start("data");
  guard.input({ type: "extend", group: "orders", epoch: 6, right: { stopAtMs: 0, killAtMs: 0 } });
  guard.input({ type: "act", group: "orders", epoch: 6, resource: "data", action: "stop" });
  assert.deepEqual(guard.take(), []);
});

test("a group that runs is not held anew under another epoch, and it is told that it never will be", () => {
  const guard = new DrivenGuard().hold(pair(), right).start("data");
  guard.input({ type: "hold", spec: { ...pair(), epoch: 8 }, right });
  assert.deepEqual([guard.take(), guard.told.at(-1)?.type], [[], "refused"]);
});

test("a guard writes down which process a foreground resource is before it tells that it was started", () => {
  const guard = new DrivenGuard().hold(child(), right).act("start", "app");
  const written = ["persist orders", "persist orders/app=?", "spawn app", "persist orders/app=70"];
  assert.deepEqual([guard.take(), guard.outcomes], [written, []]);
  assert.deepEqual([guard.acted("start", "app").take(), guard.outcomes], [[], ["start app 0"]]);
  const failed = new DrivenGuard().hold(child(), right).act("start", "app");
  failed.take();
  assert.deepEqual(failed.acted("start", "app", { exitStatus: 5, isExecuted: false }).take(), ["persist orders"]);
});

test("a foreground process that a guard before has left is stopped as one of its own", () => {
  const guard = new DrivenGuard().input(leftChild({ pid: 70, startTicks: 7 }));
  assert.deepEqual(guard.take(), ["adopt app", "end commands"]);
  assert.deepEqual(guard.input({ type: "commandsEnded", group: "orders" }).take(), ["SIGTERM app"]);
  assert.deepEqual(guard.pass(2_000).take(), ["SIGKILL app"]);
  assert.deepEqual(guard.childEnded("app").take(), ["kill app"]);
  assert.equal(guard.cleared("app").outcomes.at(-1), "stop app 0");
});

test("a foreground process that ends before its turn to be stopped comes is cleared up when it does", () => {
  const guard = new DrivenGuard().input(leftChild({ pid: 70, startTicks: 7 })).childEnded("app");
  guard.take();
  assert.deepEqual(guard.input({ type: "commandsEnded", group: "orders" }).take(), ["kill app"]);
  assert.equal(guard.cleared("app").outcomes.at(-1), "stop app 0");
});

test("a foreground process of which nothing was written down is stopped when it was found, and else not known to be", () => {
  const begin = () => new DrivenGuard().input(leftChild(null)).input({ type: "commandsEnded", group: "orders" });
  assert.equal(begin().cleared("app", 0, ["app"]).outcomes.at(-1), "stop app 0");
  const guard = begin().cleared("app");
  assert.equal(guard.outcomes.at(-1), "stop app 1");
  guard.input({ type: "kill", group: "orders", epoch: 7, resource: "app" }).cleared("app");
  const killed = guard.told.at(-1);
  assert.equal(killed?.type === "killed" && killed.left, null);
  assert.ok(!guard.guard.isIdle);
});

test("a foreground process that was killed with everything else at the end of the right is known to be stopped", () => {
  const guard = new DrivenGuard().input(leftChild(null)).pass(5_000);
  guard.input({ type: "commandsEnded", group: "orders" }).cleared(null, 0, ["app"]).cleared("app");
  assert.equal(guard.outcomes.at(-1), "stop app 0");
});

test("a foreground process that leaves others in its process group, which cannot be told, is not known to be stopped", () => {
  const guard = new DrivenGuard().input(leftChild({ pid: 70, startTicks: 7 }));
  guard.input({ type: "childEnded", group: "orders", resource: "app", outcome: outcome(), left: 2 });
  guard.input({ type: "commandsEnded", group: "orders" }).cleared("app");
  assert.equal(guard.outcomes.at(-1), "stop app 1");
  guard.input({ type: "hold", spec: spec([], [], { group: "other" }), right });
  assert.match(guard.take().at(-1) ?? "", /orders\/app=\?/);
});

test("nothing is started by an order that is read when stopping has to begin, or when the right is over", () => {
  for (const nowMs of [right.stopAtMs, 3_600_000]) {
    const guard = new DrivenGuard().hold(child(), right);
    guard.take();
    guard.nowMs = nowMs;
    guard.act("start", "app");
    const told = guard.told.slice(1).map(({ type }) => type);
    assert.deepEqual([guard.take(), told, guard.outcomes], [[], ["seized", "done"], ["start app 1"]]);
  }
  const before = new DrivenGuard().hold(pair(), right);
  before.nowMs = right.stopAtMs - 1;
  assert.ok(before.act("start", "data").take().includes("run start data"));
});
