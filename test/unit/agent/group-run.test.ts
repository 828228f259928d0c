import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DrivenRun } from "./driven-run.ts";
import { foreground, needs, ocf, resource, spec, systemd } from "./specs.ts";

const chain = () => spec(["data", "address", "db"], [needs("db", ["data", "address"])]);

test("resources start when what they need is online, and the group is online with the last of them", () => {
  const group = new DrivenRun(chain()).begin();
  assert.deepEqual(group.take(), ["start data", "start address"]);
  group.started("data");
  assert.deepEqual([group.take(), group.run.state], [[], "acquiring"]);
  group.started("address");
  assert.deepEqual(group.take(), ["start db"]);
  group.started("db");
  assert.equal(group.run.state, "online");
});

test("resources stop in the reverse order, and the group is offline with the last of them", () => {
  const group = new DrivenRun(chain()).begin().started("data").started("address").started("db");
  group.take();
  group.release();
  assert.deepEqual([group.take(), group.run.state], [["stop db"], "releasing"]);
  group.stopped("db");
  assert.deepEqual(group.take(), ["stop data", "stop address"]);
  group.stopped("data");
  assert.equal(group.run.state, "releasing");
  group.stopped("address");
  assert.deepEqual([group.run.state, group.run.isSafe], ["offline", true]);
});

test("one of several is enough where any of them is", () => {
  const group = new DrivenRun(spec(["a", "b", "c"], [needs("c", ["a", "b"], { isAnyOf: true })])).begin();
  group.take();
  group.started("b");
  assert.deepEqual(group.take(), ["start c"]);
});

test("a resource goes on when one of several that it needs any of has failed", () => {
  const group = new DrivenRun(spec(["a", "b", "c"], [needs("c", ["a", "b"], { isAnyOf: true })])).begin();
  group.started("a").started("b").started("c").take();
  group.monitored("a", { exitStatus: 1 });
  assert.deepEqual(group.take(), ["stop a"]);
  assert.ok(group.states.includes("c online"));
});

test("a soft dependency is order only: after the wait the resource starts without it", () => {
  const soft = needs("b", ["a"], { isHard: false, startWaitMs: 3_000 });
  const group = new DrivenRun(spec(["a", "b"], [soft])).begin().pass(2_999);
  assert.deepEqual(group.take(), ["start a"]);
  group.pass(1);
  assert.deepEqual(group.take(), ["start b"]);
});

test("a soft dependency that has failed for good is waited for no longer", () => {
  const resources = [resource("a", { restartsMax: 0, isCritical: false }), "b"];
  const group = new DrivenRun(spec(resources, [needs("b", ["a"], { isHard: false })])).begin();
  group.started("a", { exitStatus: 1 });
  assert.deepEqual(group.take(), ["start a", "stop a", "start b"]);
});

test("a hard dependency that does not come online within its wait brings the group into error", () => {
  const group = new DrivenRun(spec(["a", "b"], [needs("b", ["a"], { startWaitMs: 3_000 })])).begin().pass(3_000);
  assert.match(group.run.why, /^b: It needs a, which did not come online in time$/);
  assert.deepEqual(group.take(), ["start a", "stop a"]);
  assert.equal(group.stopped("a").run.state, "error");
});

test("what depends on a failed resource is stopped first and started again after it", () => {
  const group = new DrivenRun(spec(["data", "db"], [needs("db", ["data"])])).begin().started("data").started("db");
  group.take();
  group.monitored("data", { exitStatus: 1 });
  assert.deepEqual(group.take(), ["stop db"]);
  group.stopped("db");
  assert.deepEqual(group.take(), ["stop data"]);
  group.stopped("data");
  assert.deepEqual(group.take(), ["start data"]);
  group.started("data");
  assert.deepEqual(group.take(), ["start db"]);
  group.started("db");
  assert.equal(group.run.state, "online");
  assert.deepEqual(
    group.run.stories.map(({ restarts }) => restarts),
    [1, 0],
  );
});

test("a resource that has failed more often than it may be restarted brings the group into error, once all is stopped", () => {
  const group = new DrivenRun(spec([resource("a", { restartsMax: 2 }), "b"])).begin().started("b");
  for (let failures = 1; failures <= 2; failures++) {
    group.started("a").monitored("a", { exitStatus: 1, why: "disk is full" });
    assert.equal(group.take().at(-1), "stop a");
    group.stopped("a");
    assert.deepEqual(group.take(), ["start a"]);
  }
  group.started("a").monitored("a", { exitStatus: 1, why: "disk is full" });
  assert.deepEqual(group.take(), ["stop a", "stop b"]);
  assert.equal(group.stopped("a").run.state, "releasing");
  assert.deepEqual([group.stopped("b").run.state, group.run.isSafe], ["error", true]);
  assert.match(group.run.why, /^a: Monitor ended with 1: disk is full$/);
  assert.equal(group.run.stories[0]?.resource, "a");
});

test("a resource that need not be there leaves the group online when it has failed for good", () => {
  const group = new DrivenRun(spec(["a", resource("b", { isCritical: false, restartsMax: 0 })])).begin();
  group.started("a").started("b", { exitStatus: 1 }).stopped("b");
  assert.equal(group.run.state, "online");
  assert.equal(group.run.stories[1]?.hasGivenUp, true);
});

test("a critical resource that needs one which failed for good is not the cause: that one is named", () => {
  const resources = [resource("net", { isCritical: false, restartsMax: 0 }), "db"];
  const group = new DrivenRun(spec(resources, [needs("db", ["net"])])).begin();
  group.started("net", { exitStatus: 1, why: "no cable" }).stopped("net");
  assert.equal(group.run.state, "error");
  assert.match(group.run.why, /^net: Start ended with 1: no cable$/);
});

for (const status of [2, 3, 4, 5, 6]) {
  test(`exit status ${status} of a resource agent is not tried again`, () => {
    const group = new DrivenRun(spec([resource("ip", { runner: ocf, restartsMax: 5 })])).begin();
    group.started("ip", { exitStatus: status }).stopped("ip");
    assert.deepEqual(group.take(), ["start ip", "stop ip"]);
    assert.equal(group.run.state, "error");
  });
}

test("exit status 1 of a resource agent is tried again", () => {
  const group = new DrivenRun(spec([resource("ip", { runner: ocf })])).begin();
  group.started("ip", { exitStatus: 1 }).stopped("ip");
  assert.deepEqual(group.take(), ["start ip", "stop ip", "start ip"]);
});

test("a monitor of a resource agent that ends with 8 says that it runs, with 190 that it is degraded, with 7 that it does not", () => {
  const group = new DrivenRun(spec([resource("ip", { runner: ocf })])).begin().started("ip");
  group.monitored("ip", { exitStatus: 8 });
  assert.deepEqual([group.states, group.run.stories[0]?.isDegraded], [["ip online"], false]);
  group.monitored("ip", { exitStatus: 190 });
  assert.deepEqual([group.states, group.run.stories[0]?.isDegraded], [["ip online"], true]);
  group.monitored("ip", { exitStatus: 7 });
  assert.deepEqual([group.states, group.run.stories[0]?.why], [["ip stopping"], "It does not run any more"]);
});

test("a program that could not be executed has nothing to stop, and is not tried again", () => {
  const group = new DrivenRun(spec([resource("a", { restartsMax: 5 })])).begin();
  group.started("a", { exitStatus: 5, isExecuted: false, why: "Cannot execute /ctl: ENOENT" });
  assert.deepEqual(group.take(), ["start a"]);
  assert.deepEqual([group.run.state, group.run.isSafe], ["error", true]);
});

test("resources are monitored at their interval, one look at a time, and no more once they are to stop", () => {
  const group = new DrivenRun(spec(["a"])).begin().started("a").pass(9_999);
  assert.deepEqual(group.take(), ["start a"]);
  group.pass(50_000);
  assert.deepEqual(group.take(), ["monitor a"]);
  group.monitored("a").pass(10_000);
  assert.deepEqual(group.take(), ["monitor a"]);
  group.monitored("a").release().pass(60_000);
  assert.deepEqual(group.take(), ["stop a"]);
});

test("a stop that fails has everything killed, and only a monitor's word makes the resource stopped", () => {
  const group = new DrivenRun(spec([resource("db", { runner: systemd })])).begin().started("db").release();
  group.take();
  group.stopped("db", { exitStatus: null, isLate: true });
  assert.deepEqual(group.take(), ["kill db"]);
  group.input({ type: "killed", resource: "db", left: 0 });
  assert.deepEqual(group.take(), ["monitor db"]);
  group.monitored("db", { exitStatus: 3, why: "inactive" });
  assert.deepEqual([group.run.state, group.run.isSafe], ["offline", true]);
  assert.deepEqual(group.take(), ["proved db"]);
});

test("a unit that was killed and is still being stopped is asked for again, as long as its stop may take", () => {
  const group = new DrivenRun(spec([resource("db", { runner: systemd })])).begin().started("db").release();
  group.stopped("db", { exitStatus: null, isLate: true }).input({ type: "killed", resource: "db", left: 0 }).take();
  group.monitored("db", { exitStatus: 3, why: "deactivating" });
  assert.deepEqual([group.states, group.take()], [["db checking"], []]);
  assert.deepEqual(group.pass(1_000).take(), ["monitor db"]);
  group.monitored("db", { exitStatus: 3, why: "inactive" });
  assert.deepEqual([group.run.state, group.run.isSafe], ["offline", true]);
  const slow = new DrivenRun(spec([resource("db", { runner: systemd })])).begin().started("db").release();
  slow.stopped("db", { exitStatus: null, isLate: true }).input({ type: "killed", resource: "db", left: 0 }).pass(5_000);
  slow.monitored("db", { exitStatus: 3, why: "deactivating" });
  assert.deepEqual([slow.states, slow.run.isSafe], [["db stuck"], false]);
});

test("a monitor that was begun before a stop proves nothing about what is after it", () => {
  const group = new DrivenRun(spec([resource("db", { runner: systemd })])).begin().started("db").pass(10_000).release();
  group.stopped("db", { exitStatus: 1 }).input({ type: "killed", resource: "db", left: 0 });
  group.monitored("db", { exitStatus: 3, why: "inactive" }, 0);
  assert.deepEqual(group.states, ["db checking"]);
  group.monitored("db", { exitStatus: 0 }, 1);
  assert.deepEqual(group.states, ["db stuck"]);
});

test("what still runs after it was killed leaves the group in error and unsafe, and its stop is tried again", () => {
  const group = new DrivenRun(spec([resource("ip", { runner: ocf })])).begin().started("ip").release();
  group.stopped("ip", { exitStatus: 1 }).input({ type: "killed", resource: "ip", left: 0 }).monitored("ip");
  assert.deepEqual([group.run.state, group.run.isSafe], ["error", false]);
  group.take();
  group.pass(29_999);
  assert.deepEqual(group.take(), []);
  group.pass(1);
  assert.deepEqual(group.take(), ["stop ip"]);
  assert.deepEqual([group.stopped("ip").run.state, group.run.isSafe], ["offline", true]);
});

test("processes that cannot be killed leave the group in error and unsafe", () => {
  const group = new DrivenRun(spec([resource("a", { runner: foreground })])).begin().started("a").release();
  group.stopped("a", { exitStatus: 1 }).input({ type: "killed", resource: "a", left: 1 });
  assert.deepEqual([group.run.state, group.run.isSafe], ["error", false]);
});

test("a foreground resource that is not known to be stopped leaves the group in error and unsafe, unless its monitor knows", () => {
  const stop = (monitor: readonly string[]) => {
    const runner = { ...foreground, monitor };
    const group = new DrivenRun(spec([resource("a", { runner })])).begin().started("a").release();
    return group.stopped("a", { exitStatus: 1 }).input({ type: "killed", resource: "a", left: null });
  };
  const { run } = stop([]);
  assert.deepEqual([run.state, run.isSafe], ["error", false]);
  const known = stop(["/ctl", "monitor"]);
  assert.deepEqual([known.take().at(-1), known.states], ["monitor a", ["a checking"]]);
  assert.deepEqual([known.monitored("a", { exitStatus: 7 }).run.state, known.run.isSafe], ["offline", true]);
});

test("a dependent that takes too long to stop is waited for as long as the dependency says", () => {
  const group = new DrivenRun(spec(["a", "b"], [needs("b", ["a"], { stopWaitMs: 2_000 })])).begin();
  group.started("a").started("b").release().take();
  group.pass(1_999);
  assert.deepEqual(group.take(), []);
  group.pass(1);
  assert.deepEqual(group.take(), ["stop a"]);
});

test("a start that is under way is ended when the group is to stop", () => {
  const group = new DrivenRun(spec(["a"])).begin().release();
  assert.deepEqual(group.take(), ["start a", "stop a"]);
  group.started("a", { exitStatus: null });
  assert.deepEqual(group.take(), []);
  assert.equal(group.stopped("a").run.state, "offline");
});

test("what an agent before has left is looked at soon, and what it had not started is started", () => {
  const group = new DrivenRun(chain()).adopt(
    new Map([
      ["data", "online"],
      ["address", "starting"],
    ] as const),
  );
  assert.deepEqual([group.take(), group.run.state], [[], "acquiring"]);
  group.pass(0);
  assert.deepEqual(group.take(), ["monitor data"]);
  group.started("address");
  assert.deepEqual(group.take(), ["start db"]);
});

test("what an agent before was stopping is stopped", () => {
  const group = new DrivenRun(chain()).adopt(
    new Map([
      ["data", "online"],
      ["db", "stopping"],
    ] as const),
  );
  assert.deepEqual([group.take(), group.run.state], [[], "releasing"]);
  group.stopped("db");
  assert.deepEqual(group.take(), ["stop data"]);
});

test("after its guard has ended a group asks anew for the stops that were under way, and stops the rest", () => {
  const group = new DrivenRun(spec(["a", "b"], [needs("b", ["a"])])).begin().started("a").started("b").release();
  group.take();
  group.input({ type: "guardLost" });
  assert.deepEqual(group.take(), ["stop b"]);
  group.stopped("b");
  assert.deepEqual(group.take(), ["stop a"]);
});

test("nothing is run for a group that is refused, and it is in error at once", () => {
  const group = new DrivenRun(spec(["a"]));
  group.run.refuse({ resource: "a", why: "not allowed" });
  assert.deepEqual([group.begin().take(), group.run.state, group.run.isSafe], [[], "error", true]);
  assert.equal(group.run.stories[0]?.why, "not allowed");
});

test("a resource without a runner is online with its group, and nothing is executed for it", () => {
  const group = new DrivenRun(spec([resource("disk", { runner: null }), "db"], [needs("db", ["disk"])])).begin();
  assert.deepEqual(group.take(), ["start db"]);
  group.started("db").release().stopped("db");
  assert.deepEqual([group.take(), group.run.state], [["stop db"], "offline"]);
});

const names = ["a", "b", "c", "d", "e"] as const;
const pairs = names.flatMap((from, at) => names.slice(at + 1).map((to) => [to, from] as const));

test("whatever the dependencies, nothing runs without what it needs, and everything ends stopped", () => {
  const choice = fc.record({
    pair: fc.constantFrom(...pairs),
    isHard: fc.boolean(),
  });
  const events = fc.array(fc.tuple(fc.nat(20), fc.constantFrom(0, 0, 0, 1)), { maxLength: 60 });
  fc.assert(
    fc.property(fc.array(choice, { maxLength: 6 }), events, (chosen, fates) => {
      const dependencies = chosen.map(({ pair: [from, to], isHard }) => needs(from, [to], { isHard }));
      const group = new DrivenRun(spec([...names], dependencies)).begin();
      const open: string[] = [];
      const settle = (pick: number, exitStatus: number) => {
        open.push(...group.take());
        const [next] = open.splice(pick % Math.max(1, open.length), 1);
        const [verb, name = ""] = (next ?? "").split(" ");
        if (verb === "start") {
          const isMissing = dependencies.some(
            ({ resource: from, needs: [to], isHard }) =>
              isHard && from === name && !group.states.includes(`${to} online`),
          );
          // What it needs may have failed after its start was asked for; then its stop is asked for as well.
          if (isMissing) assert.ok(open.includes(`stop ${name}`) || group.states.includes(`${name} stopping`));
          group.started(name, { exitStatus });
        }
        if (verb !== "stop") return;
        // The guard ends a start that is under way, and tells of that, before it begins to stop.
        const startAt = open.indexOf(`start ${name}`);
        if (startAt >= 0) {
          open.splice(startAt, 1);
          group.started(name, { exitStatus: null });
        }
        group.stopped(name);
      };
      for (const [pick, exitStatus] of fates) settle(pick, exitStatus);
      group.release();
      for (let round = 0; round < 50; round++) settle(0, 0);
      assert.ok(group.run.isSafe, group.states.join());
      assert.ok(["offline", "error"].includes(group.run.state));
    }),
  );
});
