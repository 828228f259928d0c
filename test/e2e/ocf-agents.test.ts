// Resource agents as Debian ships them, started, monitored and stopped by the agent's own commands.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { type ActionContext, commandFor, judge, provesStopped, type Verdict } from "../../client/agent/actions.ts";
import { execute } from "../../client/agent/executor.ts";
import { programEnvironment } from "../../client/agent/guard-host.ts";
import type { Action, ActionOutcome, ResourceSpec } from "../../client/agent/run-spec.ts";
import { hasNamespaces } from "./support/recovery-namespaces.ts";
import { createScratch } from "./support/scratch.ts";

const ocfRoot = "/usr/lib/ocf";
const isInstalled = existsSync(`${ocfRoot}/resource.d/heartbeat/Dummy`);
const skip = isInstalled ? false : `needs Debian's resource-agents: there is no ${ocfRoot}/resource.d/heartbeat`;
const noNamespaces = hasNamespaces() ? false : "needs Linux, root and ip: no network can be made here for an address";

/** One resource of a resource agent, acted on as an agent and its guard do. */
class Acting implements Disposable {
  readonly #scratch = createScratch("ocf");
  readonly #spec: ResourceSpec;
  /** What every command is run by; empty: nothing. */
  readonly #launcher: readonly string[];

  constructor(agent: string, parameters: Readonly<Record<string, string>>, launcher: readonly string[] = []) {
    const times = {
      startTimeoutMs: 20_000,
      stopTimeoutMs: 20_000,
      monitorIntervalMs: 10_000,
      monitorTimeoutMs: 20_000,
    };
    const runner = { type: "ocf", agent, parameters } as const;
    this.#spec = { name: `t${process.pid}`, runner, ...times, monitorDepth: 0, restartsMax: 1, isCritical: true };
    this.#launcher = launcher;
  }

  path(name: string): string {
    return `${this.#scratch.directory}/${name}`;
  }

  /** A parameter that is a path of this test. */
  with(name: string, file: string): this {
    const { runner } = this.#spec;
    if (runner?.type === "ocf") Object.assign(runner.parameters, { [name]: this.path(file) });
    return this;
  }

  async outcome(action: Action): Promise<ActionOutcome> {
    const context: ActionContext = {
      ...{ node: "n202", group: "orders", epoch: 7, mark: `ocf-test-${process.pid}`, systemctl: "/bin/false", ocfRoot },
      environment: programEnvironment(process.env),
    };
    const command = commandFor(action, this.#spec, context);
    assert.ok(command !== null);
    const [file = "", ...args] = [...this.#launcher, command.file, ...command.args];
    return execute({ ...command, file, args }, this.path(`${action}.stderr`)).ended;
  }

  async verdict(action: Action): Promise<Verdict["type"]> {
    return judge(action, this.#spec, await this.outcome(action)).type;
  }

  /** What a monitor proves after a stop that has failed. */
  async isProvedStopped(): Promise<boolean> {
    return provesStopped(this.#spec, await this.outcome("monitor"));
  }

  [Symbol.dispose](): void {
    this.#scratch.remove();
  }
}

/** Stopped, started, running, stopped: each step twice where it has to be harmless. */
async function checkCycle(acting: Acting, isUp: () => boolean): Promise<void> {
  assert.equal(await acting.verdict("monitor"), "notRunning");
  assert.equal(await acting.isProvedStopped(), true);
  assert.deepEqual([await acting.verdict("start"), await acting.verdict("monitor"), isUp()], ["ok", "ok", true]);
  assert.deepEqual([await acting.verdict("start"), await acting.isProvedStopped()], ["ok", false]);
  assert.deepEqual(
    [await acting.verdict("stop"), await acting.verdict("monitor"), isUp()],
    ["ok", "notRunning", false],
  );
  assert.equal(await acting.verdict("stop"), "ok");
}

test("ocf:heartbeat:Dummy is started, monitored and stopped", { skip }, async () => {
  using acting = new Acting("heartbeat:Dummy", {}).with("state", "dummy.state");
  await checkCycle(acting, () => existsSync(acting.path("dummy.state")));
});

test("ocf:heartbeat:anything is started, monitored and stopped", {
  skip,
}, async () => {
  using acting = new Acting("heartbeat:anything", { binfile: "/bin/sleep", cmdline_options: "600" }).with(
    "pidfile",
    "pid",
  );
  const isUp = () => existsSync(acting.path("pid"));
  await checkCycle(acting, isUp);
});

test("ocf:heartbeat:IPaddr2 has its address while it runs, and tells why it cannot be started", {
  skip: skip === false ? noNamespaces : skip,
}, async () => {
  const namespace = `bw-ocf-${process.pid}`;
  const ip = (...args: readonly string[]) => spawnSync("ip", args, { encoding: "utf8" });
  try {
    assert.equal(ip("netns", "add", namespace).status, 0);
    ip("-n", namespace, "link", "set", "lo", "up");
    ip("-n", namespace, "link", "add", "eth0", "type", "veth", "peer", "name", "eth1");
    ip("-n", namespace, "link", "set", "eth0", "up");
    const parameters = { ip: "198.18.255.7", cidr_netmask: "24", nic: "eth0" };
    const launcher = ["/usr/bin/env", "ip", "netns", "exec", namespace];
    using acting = new Acting("heartbeat:IPaddr2", parameters, launcher);
    await checkCycle(acting, () =>
      ip("-n", namespace, "addr", "show", "dev", "eth0").stdout.includes("198.18.255.7/24"),
    );
    using astray = new Acting("heartbeat:IPaddr2", { ...parameters, nic: "eth9" }, launcher);
    const { exitStatus, why } = await astray.outcome("start");
    assert.deepEqual([exitStatus === 0, why], [false, "[findif] failed"]);
  } finally {
    ip("netns", "del", namespace);
  }
});
