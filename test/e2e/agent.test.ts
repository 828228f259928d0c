// The agent and its guard as processes, with applications that are processes too.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { agentLimits } from "../../client/agent/agent-limits.ts";
import { OwnershipState } from "../../proto/gen/bailiwick/v1/group_pb.ts";
import { AgentSetting, endOf, isAlive, stopBudgetMs, usableMs } from "./support/agent-setting.ts";
import { bailiwick } from "./support/command.ts";
import { waitFor } from "./support/wait.ts";

function foreground(name: string, program: string, parts: object = {}) {
  return { name, application: {}, run: { exec: { start: [program], foreground: true } }, stopTimeoutMs: 500, ...parts };
}

/** One application in the foreground, online. @param granted parts of what it runs by */
async function online(setting: AgentSetting, granted: Parameters<AgentSetting["grant"]>[0] = {}) {
  const program = setting.application("app");
  setting.config = { resources: [foreground("app", program)] };
  setting.grant(granted);
  const agent = setting.startAgent([program]);
  const pid = await setting.pidOf("app");
  await setting.heard("orders 7 online");
  return { agent, pid, program };
}

test("an agent starts what its node owns in order, and SIGTERM stops it in the reverse order, is told of, and ends with 0", async () => {
  await using setting = await new AgentSetting().listen();
  const control = setting.script("ctl", `echo "$1 $2 $BAILIWICK_EPOCH" >> ${setting.path("done")}`);
  const run = (name: string) => ({ exec: { start: [control, "start", name], stop: [control, "stop", name] } });
  setting.config = {
    resources: ["db", "data"].map((name) => ({ name, application: {}, run: run(name) })),
    dependencies: [{ resource: "db", needs: ["data"] }],
  };
  setting.grant();
  const agent = setting.startAgent([control]);
  await setting.heard("orders 7 online");
  assert.equal(setting.reports[0]?.isComplete, true);
  agent.signal("SIGTERM");
  const { code, stderr } = await agent.ended;
  assert.equal(code, 0, stderr);
  assert.deepEqual(setting.lines("done"), ["start data 7", "start db 7", "stop db 7", "stop data 7"]);
  assert.ok(setting.reports.at(-1)?.groups.join().includes("orders 7 offline"), setting.reports.at(-1)?.groups.join());
  assert.deepEqual([setting.reports[0]?.request.leaving, setting.reports.at(-1)?.request.leaving], [false, true]);
});

test("an agent that was told to end does not wait for a monitor that hangs", async () => {
  await using setting = await new AgentSetting().listen();
  const hang = `echo monitor >> ${setting.path("done")}; sleep 600`;
  const control = setting.script("ctl", `case $1 in monitor) ${hang} ;; esac`);
  const exec = { start: [control, "start"], stop: [control, "stop"], monitor: [control, "monitor"] };
  const monitor = { intervalMs: 100, timeoutMs: 60_000 };
  setting.config = { resources: [{ name: "db", application: {}, run: { exec }, monitor }] };
  setting.grant();
  const agent = setting.startAgent([control]);
  await waitFor("a monitor", 20_000, () => setting.lines("done").find((line) => line === "monitor"));
  const sinceMs = performance.now();
  agent.signal("SIGTERM");
  assert.equal((await agent.ended).code, 0);
  const tookMs = performance.now() - sinceMs;
  assert.ok(tookMs < monitor.timeoutMs / 2, `${tookMs} ms to end`);
});

test("an agent that waits for its next report reports at once when its node has news", async () => {
  await using setting = await new AgentSetting().listen();
  setting.startAgent([]);
  await setting.news();
  const sinceMs = performance.now();
  for (let round = 0; round < 10; round++) {
    const before = setting.reports.length;
    await setting.news();
    await waitFor("another report", 20_000, () => (setting.reports.length > before ? true : null));
  }
  const tookMs = performance.now() - sinceMs;
  assert.ok(tookMs < 10 * agentLimits.idleIntervalMs * 0.8, `${tookMs} ms for ten reports`);
});

test("an agent that is killed and not started again: its application goes on while the right lasts, and is gone before its end", async () => {
  await using setting = await new AgentSetting().listen();
  const { agent, pid } = await online(setting);
  agent.signal("SIGKILL");
  await agent.ended;
  const sentMs = setting.reports.at(-1)?.atMs ?? 0;
  const endMs = await endOf(pid);
  assert.ok(endMs > sentMs + usableMs - stopBudgetMs - 500, "stopped too early");
  assert.ok(endMs < sentMs + usableMs, "stopped too late");
});

test("an agent that is stopped past its right: its application is gone before the end of that", async () => {
  await using setting = await new AgentSetting().listen();
  const { agent, pid } = await online(setting);
  agent.signal("SIGSTOP");
  await delay(100);
  const sentMs = setting.reports.at(-1)?.atMs ?? 0;
  assert.ok((await endOf(pid)) < sentMs + usableMs, "stopped too late");
  setting.grants = [];
  agent.signal("SIGCONT");
  await setting.heard("orders 7 offline");
});

test("an application that does not stop is killed before the right ends, its children as well", async () => {
  await using setting = await new AgentSetting().listen();
  const child = setting.application("child", "");
  const program = setting.script(
    "app",
    `trap "" TERM\n${child} &\necho $$ > ${setting.path("app.pid")}\nwhile :; do sleep 0.05; done`,
  );
  setting.config = { resources: [foreground("app", program, { stopTimeoutMs: 60_000 })] };
  setting.grant();
  const agent = setting.startAgent([program]);
  const pids = [await setting.pidOf("app"), await setting.pidOf("child")];
  await setting.heard("orders 7 online");
  setting.grants = null;
  const sentMs = setting.reports.at(-1)?.atMs ?? 0;
  for (const pid of pids) assert.ok((await endOf(pid)) < sentMs + usableMs + 50, "killed too late");
  agent.signal("SIGKILL");
});

test("an agent that is started again in time adopts what runs, says so first, and the application never notices", async () => {
  await using setting = await new AgentSetting().listen();
  // A busy machine takes seconds for a start.
  const ttlMs = 2 * setting.ttlMs;
  const { agent, pid, program } = await online(setting, { ttlMs });
  agent.signal("SIGKILL");
  await agent.ended;
  const before = setting.reports.length;
  const sentMs = setting.reports.at(-1)?.atMs ?? 0;
  setting.startAgent([program]);
  const { value: first } = await waitFor("a report", 10_000, () => setting.reports[before]);
  assert.deepEqual(
    [first.isComplete, first.groups, first.agent],
    [true, ["orders 7 online"], setting.reports[0]?.agent],
  );
  await delay(sentMs + ttlMs + 500 - performance.now());
  assert.ok(isAlive(pid));
  assert.deepEqual(setting.lines("app.starts"), ["started"]);
});

test("a stop script that hangs is killed at its time-out, and what it left running with it", async () => {
  await using setting = await new AgentSetting().listen();
  const daemon = setting.application("daemon");
  // A process that has ended and that nobody has waited for still has its id.
  const isUp = `grep -q "^State:[[:space:]]*[RSD]" /proc/$(cat ${setting.path("daemon.pid")})/status 2>/dev/null`;
  const control = setting.script(
    "ctl",
    `case $1 in start) ${daemon} & ;; stop) sleep 600 ;; monitor) ${isUp} || exit 7 ;; esac`,
  );
  const exec = { start: [control, "start"], stop: [control, "stop"], monitor: [control, "monitor"] };
  setting.config = { resources: [{ name: "d", application: {}, run: { exec }, stopTimeoutMs: 700 }] };
  setting.grant();
  setting.startAgent([control]);
  const pid = await setting.pidOf("daemon");
  await setting.heard("orders 7 online");
  setting.grant({ wanted: OwnershipState.OFFLINE });
  await endOf(pid, 5_000);
  await setting.heard("orders 7 offline");
});

test("when the guard is killed the agent stops everything at once, and begins again with another guard", async () => {
  await using setting = await new AgentSetting().listen();
  const { pid } = await online(setting);
  const guard = setting.guardPid();
  process.kill(guard, "SIGKILL");
  await endOf(pid);
  // The last report may still be one of before.
  await waitFor("another start", 20_000, () => (setting.lines("app.starts").length === 2 ? true : null));
  await setting.heard("orders 7 online");
  assert.notEqual(setting.guardPid(), guard);
  assert.deepEqual(setting.lines("app.starts"), ["started", "started"]);
});

test("when the guard is killed, an agent that cannot say so any more stops everything, and has another guard", async () => {
  await using setting = await new AgentSetting().listen();
  const { agent, pid } = await online(setting);
  agent.closeStderr();
  setting.grants = [];
  const guard = setting.guardPid();
  process.kill(guard, "SIGKILL");
  await endOf(pid);
  await waitFor("another guard", 20_000, () => (setting.guardPid() !== guard ? true : null));
  assert.ok(isAlive(agent.pid));
});

test("when the guard is killed, an application that hides its environment is ended as well before it is told as stopped", async () => {
  await using setting = await new AgentSetting().listen();
  const file = setting.path("app.pid");
  const program = setting.script("app", `echo $$ > "${file}"; exec env -i sleep 600`);
  setting.config = { resources: [foreground("app", program)] };
  setting.grant();
  setting.startAgent([program]);
  const pid = await setting.pidOf("app");
  await setting.heard("orders 7 online");
  setting.grants = [];
  process.kill(setting.guardPid(), "SIGKILL");
  await setting.heard("orders 7 offline");
  assert.ok(!isAlive(pid));
});

test("when the guard is killed, and an application cannot be stopped, the agent has another guard all the same", async () => {
  await using setting = await new AgentSetting().listen();
  const gate = setting.path("gate");
  const control = setting.script("ctl", `[ "$1" != stop ] || [ -e ${gate} ]`);
  const exec = { start: [control, "start"], stop: [control, "stop"], monitor: [control, "monitor"] };
  setting.config = { resources: [{ name: "d", application: {}, run: { exec } }] };
  setting.grant();
  setting.startAgent([control]);
  await setting.heard("orders 7 online");
  const guard = setting.guardPid();
  process.kill(guard, "SIGKILL");
  await setting.heard("orders 7 error");
  await waitFor("another guard", 20_000, () => (setting.guardPid() !== guard ? true : null));
  setting.grants = [];
  writeFileSync(gate, "");
});

test("when the guard hangs at the end of the right, its agent has everything killed before that", async () => {
  await using setting = await new AgentSetting().listen();
  const { pid } = await online(setting);
  setting.grants = null;
  process.kill(setting.guardPid(), "SIGSTOP");
  const sentMs = setting.reports.at(-1)?.atMs ?? 0;
  const endMs = await endOf(pid);
  assert.ok(endMs < sentMs + usableMs, `killed ${endMs - sentMs - usableMs} ms too late`);
});

test("an agent that meets a guard that hangs ends it, and the next guard stops what that one has left", async () => {
  await using setting = await new AgentSetting().listen();
  const { agent, pid, program } = await online(setting);
  agent.signal("SIGKILL");
  await agent.ended;
  const hung = setting.guardPid();
  process.kill(hung, "SIGSTOP");
  setting.startAgent([program]);
  await endOf(hung);
  await endOf(pid);
  await waitFor("another start", 20_000, () => (setting.lines("app.starts").length === 2 ? true : null));
});

test("when agent and guard are killed together the next guard stops what they have left", async () => {
  await using setting = await new AgentSetting().listen();
  const { agent, pid, program } = await online(setting);
  setting.grants = [];
  process.kill(setting.guardPid(), "SIGKILL");
  agent.signal("SIGKILL");
  await agent.ended;
  setting.startAgent([program]);
  await endOf(pid, 10_000);
});

test("when what they held is damaged meanwhile the next guard goes by the copy, and without one the agent is refused", async () => {
  await using setting = await new AgentSetting().listen();
  const { agent, pid, program } = await online(setting);
  setting.grants = [];
  process.kill(setting.guardPid(), "SIGKILL");
  agent.signal("SIGKILL");
  await agent.ended;
  writeFileSync(setting.path("state/groups.json"), "");
  const copy = readFileSync(setting.path("state/groups.copy.json"));
  writeFileSync(setting.path("state/groups.copy.json"), "");
  const { code, stderr } = await setting.startAgent([program]).ended;
  assert.equal(code, 3);
  assert.match(
    stderr,
    /groups\.copy\.json is damaged \(it is empty\), so that .* nothing is started\. Restart the machine; or stop/,
  );
  assert.ok(isAlive(pid));
  writeFileSync(setting.path("state/groups.copy.json"), copy);
  setting.startAgent([program]);
  await endOf(pid, 10_000);
});

/** A start command that begins, and comes to its end when the file `gate` is there. */
async function starting(setting: AgentSetting) {
  const isUp = `grep -q "^State:[[:space:]]*[RSD]" /proc/$(head -1 ${setting.path("starts")})/status 2>/dev/null`;
  const control = setting.script(
    "ctl",
    `case $1 in
start) echo $$ >> ${setting.path("starts")}
  while [ ! -e ${setting.path("gate")} ]; do sleep 0.05; done
  echo $$ >> ${setting.path("started")} ;;
stop) ${isUp} && echo "a start is under way" >> ${setting.path("stops")}
  echo stopped >> ${setting.path("stops")} ;;
esac`,
  );
  const exec = { start: [control, "start"], stop: [control, "stop"] };
  setting.config = { resources: [{ name: "db", application: {}, run: { exec } }] };
  setting.grant();
  const agent = setting.startAgent([control]);
  await waitFor("a start", 20_000, () => setting.lines("starts")[0] ?? null);
  return { agent, control };
}

test("a start command whose guard is killed is ended before anything is stopped or started again", async () => {
  await using setting = await new AgentSetting().listen();
  await starting(setting);
  process.kill(setting.guardPid(), "SIGKILL");
  await waitFor("another start", 20_000, () => setting.lines("starts")[1] ?? null);
  setting.script("gate", "");
  await setting.heard("orders 7 online");
  assert.deepEqual(setting.lines("stops"), ["stopped"]);
  assert.deepEqual(setting.lines("started"), setting.lines("starts").slice(1));
});

test("a start command whose agent and guard are killed is ended by the next guard before anything is stopped", async () => {
  await using setting = await new AgentSetting().listen();
  const { agent, control } = await starting(setting);
  setting.grants = [];
  process.kill(setting.guardPid(), "SIGKILL");
  agent.signal("SIGKILL");
  await agent.ended;
  setting.startAgent([control]);
  await waitFor("the stop", 20_000, () => setting.lines("stops").find((line) => line === "stopped"));
  assert.deepEqual(setting.lines("stops"), ["stopped"]);
  assert.equal(isAlive(Number(setting.lines("starts")[0])), false);
});

test("an application that ends by itself is started again, and the second time the group is in error with the reason", async () => {
  await using setting = await new AgentSetting().listen();
  const { pid } = await online(setting);
  process.kill(pid, "SIGKILL");
  await waitFor("another start", 10_000, () => (setting.lines("app.starts").length === 2 ? true : null));
  const again = await setting.pidOf("app");
  process.kill(again, "SIGKILL");
  const { request } = await setting.heard("orders 7 error");
  const [status] = request.groups[0]?.resources ?? [];
  assert.deepEqual([status?.resource, status?.restarts, status?.epoch], ["app", 1, 0n]);
  assert.match(status?.why ?? "", /Ended by SIGKILL/);
});

test("a second signal has everything killed at once", async () => {
  await using setting = await new AgentSetting().listen();
  const program = setting.application("app", "");
  setting.config = { resources: [foreground("app", program, { stopTimeoutMs: 60_000 })] };
  setting.grant();
  const agent = setting.startAgent([program]);
  const pid = await setting.pidOf("app");
  await setting.heard("orders 7 online");
  agent.signal("SIGTERM");
  await setting.heard("orders 7 releasing");
  assert.ok(isAlive(pid));
  agent.signal("SIGTERM");
  await endOf(pid, 2_000);
  assert.equal((await agent.ended).code, 0);
});

test("a second agent in the same directory is refused, and the first one goes on", async () => {
  await using setting = await new AgentSetting().listen();
  const { pid, program } = await online(setting);
  const { code, stderr } = await setting.startAgent([program]).ended;
  assert.equal(code, 3, stderr);
  assert.match(stderr, /Another agent uses/);
  assert.ok(isAlive(pid));
});

test("a program that agent.yaml does not name is not executed, and the group is in error with the reason", async () => {
  await using setting = await new AgentSetting().listen();
  const program = setting.application("app");
  setting.config = { resources: [foreground("app", program)] };
  setting.grant();
  setting.startAgent(["/bin/true"]);
  const { request } = await setting.heard("orders 7 error");
  assert.match(request.groups[0]?.resources[0]?.why ?? "", /is not in allow\.exec/);
  assert.deepEqual(setting.lines("app.starts"), []);
});

test("resource agents and units are started, monitored and stopped as their conventions say", async () => {
  await using setting = await new AgentSetting().listen();
  mkdirSync(setting.path("ocf/resource.d/test"), { recursive: true });
  const log = setting.path("done");
  setting.script("ocf/resource.d/test/ip", `echo "ocf $1 $OCF_RESOURCE_INSTANCE $OCF_RESKEY_ip" >> ${log}`);
  const systemctl = setting.script("systemctl", `echo "systemctl $*" >> ${log}`);
  const run = [{ ocf: { agent: "test:ip", parameters: { ip: "192.0.2.1" } } }, { systemd: { unit: "db.service" } }];
  setting.config = {
    resources: ["ip", "db"].map((name, at) => ({ name, application: {}, run: run[at], monitor: { intervalMs: 200 } })),
    dependencies: [{ resource: "db", needs: ["ip"] }],
  };
  setting.grant();
  const allow = { ocf: ["test:ip"], systemd: ["db.service"] };
  const agent = setting.startAgent(allow, { systemctl, ocfRoot: setting.path("ocf") });
  await waitFor("a monitor", 10_000, () => setting.lines("done").find((line) => line.includes("is-active")));
  agent.signal("SIGTERM");
  await agent.ended;
  const lines = setting.lines("done");
  assert.deepEqual(lines.slice(0, 2), ["ocf start ip 192.0.2.1", "systemctl start db.service"]);
  assert.ok(lines.includes("ocf monitor ip 192.0.2.1"), lines.join());
  assert.deepEqual(lines.slice(-2), ["systemctl stop db.service", "ocf stop ip 192.0.2.1"]);
});

test("an action that is run by hand has the directory of an agent's programs, and nothing of the operator's environment", async () => {
  await using setting = await new AgentSetting().listen();
  const control = setting.script("ctl", 'echo "$PWD $BAILIWICK_GROUP [$OF_THE_OPERATOR]"');
  const exec = { start: [control, "start"], stop: [control, "stop"] };
  setting.config = { resources: [{ name: "db", application: {}, run: { exec } }] };
  const where = ["-c", setting.configure([control]), "--endpoints", setting.endpoint];
  const environment = { OF_THE_OPERATOR: "1" };
  const { stdout } = await bailiwick(["resource", "debug-start", "orders", "db", ...where], { environment });
  assert.equal(stdout.split("\n")[0], "/ orders []");
});

test("a monitor of a unit that is run by hand tells one that is stopped from one that is on its way", async () => {
  await using setting = await new AgentSetting().listen();
  const systemctl = setting.script("systemctl", `cat ${setting.path("state.of.unit")}; exit 3`);
  setting.config = { resources: [{ name: "db", application: {}, run: { systemd: { unit: "db.service" } } }] };
  const where = ["-c", setting.configure({ systemd: ["db.service"] }, { systemctl }), "--endpoints", setting.endpoint];
  const monitored = async (state: string) => {
    writeFileSync(setting.path("state.of.unit"), `${state}\n`);
    const { code, stdout } = await bailiwick([
      "resource",
      "debug-start",
      "orders",
      "db",
      "--action",
      "monitor",
      ...where,
    ]);
    return [code, stdout];
  };
  assert.deepEqual(await monitored("inactive"), [0, "inactive\nmonitor of db: exit status 3, cleanly stopped\n"]);
  assert.deepEqual(await monitored("activating"), [1, "activating\nmonitor of db: exit status 3, failed\n"]);
});

test("an operator runs an action of a resource by hand, within the same limits", async () => {
  await using setting = await new AgentSetting().listen();
  const control = setting.script("ctl", 'echo "$1 $BAILIWICK_GROUP $BAILIWICK_RESOURCE"; [ "$1" = start ]');
  const exec = { start: [control, "start"], stop: [control, "stop"] };
  setting.config = { resources: [{ name: "db", application: {}, run: { exec } }] };
  const file = setting.configure([control]);
  const line = ["resource", "debug-start", "orders", "db", "-c", file, "--endpoints", setting.endpoint];
  const started = await bailiwick(line);
  assert.equal(started.code, 0, started.stderr);
  assert.match(started.stdout, /^start orders db\nstart of db: exit status 0, as it should be\n$/);
  const stopped = await bailiwick([...line, "--action", "stop"]);
  assert.deepEqual([stopped.code, /exit status 1, failed/.test(stopped.stdout)], [1, true]);
  setting.configure(["/bin/true"]);
  const refused = await bailiwick(line);
  assert.deepEqual([refused.code, /is not in allow\.exec/.test(refused.stderr)], [2, true], refused.stderr);
});
