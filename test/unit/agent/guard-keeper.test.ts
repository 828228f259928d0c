import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { parseAgentConfig } from "../../../client/agent/agent-config.ts";
import { agentLimits } from "../../../client/agent/agent-limits.ts";
import { bootClock } from "../../../client/agent/boot-clock.ts";
import type { LeftoverGroup } from "../../../client/agent/guard.ts";
import { GuardKeeper } from "../../../client/agent/guard-keeper.ts";
import { linkGuard } from "../../../client/agent/guard-link.ts";
import type { FromGuard, ToGuard } from "../../../client/agent/guard-messages.ts";
import { MessageSocket } from "../../../client/agent/message-socket.ts";
import { StateDirectory } from "../../../client/agent/state-directory.ts";
import { waitFor } from "../../e2e/support/wait.ts";
import { exec, resource, spec } from "./specs.ts";

type Agent = MessageSocket<FromGuard, ToGuard>;

/** A guard in this process, that does with each connection, in order, what a test says, and a keeper in front of it. */
class Setting implements AsyncDisposable {
  readonly directory = new StateDirectory(mkdtempSync(join(tmpdir(), "bailiwick-keeper-")));
  readonly keeper: GuardKeeper;
  lost = 0;
  mayRun: readonly LeftoverGroup[] = [];
  /** Called within each look at the guard. */
  looked: () => void = () => {};
  /** For how long this machine has stood still. */
  stoodMs = 0;
  readonly heard: FromGuard[] = [];
  /** What was logged and heard, in order. */
  readonly done: string[] = [];
  readonly #sockets: Socket[] = [];
  readonly #keepers: GuardKeeper[] = [];
  readonly #server = createServer((socket) => {
    this.#sockets.push(socket);
    const behaviour = this.behaviours.shift();
    const agent: Agent = new MessageSocket<FromGuard, ToGuard>(socket, {
      hear: (message) => (message.type === "hello" ? behaviour?.(agent) : undefined),
      ended: () => {},
      messageBytesMax: agentLimits.messageBytesMax,
    });
  });
  readonly behaviours: ((agent: Agent) => void)[];

  constructor(behaviours: readonly ((agent: Agent) => void)[]) {
    this.behaviours = [...behaviours];
    this.keeper = this.another();
  }

  another(): GuardKeeper {
    const keeper = this.#create();
    this.#keepers.push(keeper);
    return keeper;
  }

  #create(): GuardKeeper {
    const sleep = (ms: number, signal?: AbortSignal) => bootClock.sleep(Math.min(ms, 200), signal);
    return new GuardKeeper({
      config: parseAgentConfig("node: n202\nallow: {}\n", "agent.yaml"),
      directory: this.directory,
      clock: { nowMs: () => bootClock.nowMs() + this.stoodMs, sleep },
      log: (line) => void this.done.push(line),
      hear: (message) => {
        this.heard.push(message);
        this.done.push(message.type);
      },
      lost: () => {
        this.lost += 1;
      },
      isSettled: () => true,
      rights: () => new Map(),
      urgentRights: () => {
        this.looked();
        return [];
      },
      mayRun: () => this.mayRun,
    });
  }

  async listen(): Promise<this> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.listen(this.directory.socket, resolve);
    await promise;
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const keeper of this.#keepers) keeper.close();
    for (const socket of this.#sockets) socket.destroy();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
    rmSync(this.directory.path, { recursive: true });
  }
}

function greet(agent: Agent): Agent {
  agent.send({ type: "state", id: "g1", groups: [] });
  return agent;
}

test("a second agent in the same directory is refused while there is no guard that would", async () => {
  await using setting = await new Setting([greet, greet]).listen();
  await setting.keeper.begin();
  await assert.rejects(setting.another().begin(), /Another agent uses/);
});

test("a guard that stood still together with its agent, right after a sign of life, is left alone", async () => {
  // Above all numbers of processes: whoever kills it kills nobody.
  const meet = (agent: Agent) => {
    agent.send({ type: "alive", pid: 2 ** 30 });
    greet(agent);
  };
  await using setting = await new Setting([meet, greet]).listen();
  const { promise: seen, resolve } = Promise.withResolvers<void>();
  let looks = 0;
  setting.looked = () => {
    looks += 1;
    // Two with each sign of life: when it is given, and when it is judged.
    if (looks === 1) setting.stoodMs = 60_000;
    if (looks === 4) resolve();
  };
  await setting.keeper.begin();
  await seen;
  assert.equal(setting.lost, 0);
});

test("an agent does not wait for ever for a guard that says nothing, and says what is to be done", async () => {
  await using setting = await new Setting([() => {}]).listen();
  await assert.rejects(setting.keeper.begin(), /does not answer, and cannot be found: end it by hand/);
});

test("a guard that ends before it has said anything is not taken for one that held something", async () => {
  const { promise: again, resolve } = Promise.withResolvers<Agent>();
  const { promise: first, resolve: begun } = Promise.withResolvers<Agent>();
  await using setting = await new Setting([
    (agent) => begun(greet(agent)),
    (agent) => agent.close(),
    (agent) => resolve(greet(agent)),
  ]).listen();
  await setting.keeper.begin();
  (await first).close();
  await again;
  assert.equal(setting.lost, 1);
});

test("an agent hears all that its guard holds, also where that is more than it may say itself", async () => {
  const environment = { LONG: "x".repeat(agentLimits.messageBytesMax / 2) };
  const held = spec([resource("db", { runner: { ...exec, environment } })]);
  const right = { stopAtMs: 10_000, killAtMs: 15_000 };
  const groups = ["a", "b", "c"].map((group) => ({ spec: { ...held, group }, right, seized: null, resources: [] }));
  await using setting = await new Setting([(agent) => agent.send({ type: "state", id: "g1", groups })]).listen();
  const { promise: heard, resolve } = Promise.withResolvers<FromGuard | null>();
  const link = await linkGuard({
    directory: setting.directory,
    node: "n202",
    settings: { systemctl: "/bin/false", ocfRoot: "/nowhere" },
    clock: bootClock,
    log: () => {},
    hear: resolve,
    lost: () => resolve(null),
  });
  assert.deepEqual(await heard, { type: "state", id: "g1", groups });
  link.close();
});

test("an agent whose guard has left it unknown what runs is not started, and neither is a guard", async () => {
  await using setting = new Setting([]);
  writeFileSync(join(setting.directory.path, "groups.json"), "");
  await assert.rejects(
    setting.keeper.begin(),
    /groups\.json is damaged \(it is empty\), so that what a guard before has left/,
  );
  assert.equal(existsSync(setting.directory.log), false);
});

test("an agent whose guard ends and has left damaged files stops what it knows of", async () => {
  const { promise: guard, resolve } = Promise.withResolvers<Agent>();
  await using setting = await new Setting([(agent) => resolve(greet(agent))]).listen();
  setting.mayRun = [{ spec: spec(["db"]), stopBudgetMs: 1_000, starting: [], children: [], killAtMs: null }];
  await setting.keeper.begin();
  for (const name of ["groups.json", "groups.copy.json"]) writeFileSync(join(setting.directory.path, name), "");
  (await guard).close();
  const { value: done } = await waitFor("the stop", 5_000, () => setting.heard.find(({ type }) => type === "done"));
  assert.deepEqual(done.type === "done" && [done.group, done.resource, done.action], ["orders", "db", "stop"]);
});

test("an agent whose guard ends has begun to stop everything before it says so", async () => {
  const { promise: guard, resolve } = Promise.withResolvers<Agent>();
  await using setting = await new Setting([(agent) => resolve(greet(agent)), greet]).listen();
  await setting.keeper.begin();
  const left = { spec: spec(["db"]), stopBudgetMs: 1_000, starting: [], children: [], killAtMs: null };
  setting.directory.writeGroups("g1", [left]);
  (await guard).close();
  const said = "The guard process has ended: everything is stopped";
  await waitFor("the word of it", 5_000, () => (setting.done.includes(said) ? true : null));
  const seized = setting.done.indexOf("seized");
  assert.ok(seized >= 0 && seized < setting.done.indexOf(said), setting.done.join());
});
