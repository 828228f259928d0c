// Where a client asks about a group: at its leader, once answers have told who that is and the endpoints who they are.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, createInProcessTransport, inProcessService, UnreachableError } from "../../../client/index.ts";
import { Routes } from "../../../client/routes.ts";
import { KeyValueService } from "../../../proto/gen/bailiwick/v1/key_value_pb.ts";
import { MaintenanceService } from "../../../proto/gen/bailiwick/v1/maintenance_pb.ts";
import { FakeTransport } from "./fake-transport.ts";

const endpoints = ["h1:1", "h2:1", "h3:1"];
const entry = { key: "k", value: "v" };

const leads = (group: string, node: string) => ({ group, node, stale: false });
const owns = (group: string, node: string) => ({ group, node, stale: true });

test("Routes leads to the leader's endpoint, else to an owner's, else nowhere", () => {
  const routes = new Routes();
  assert.equal(routes.to("a"), null);
  routes.place("n1", "h1:1");
  routes.learn(owns("a", "n1"));
  assert.deepEqual([routes.to("a"), routes.isMissing("a")], ["h1:1", false]);
  routes.learn(leads("a", "n2"));
  assert.deepEqual([routes.to("a"), routes.isMissing("a")], ["h1:1", true]);
  routes.place("n2", "h2:1");
  assert.deepEqual([routes.to("a"), routes.isMissing("a")], ["h2:1", false]);
});

test("Routes forgets a group whose endpoint failed, and who answered there when nobody does", () => {
  const routes = new Routes();
  for (const group of ["a", "b"]) routes.learn(leads(group, "n1"));
  routes.place("n1", "h1:1");
  routes.forget("a", "h2:1", false);
  assert.equal(routes.to("a"), "h1:1");
  routes.forget("a", "h1:1", false);
  assert.deepEqual([routes.to("a"), routes.to("b")], [null, "h1:1"]);
  routes.forget("b", "h1:1", true);
  routes.learn(leads("b", "n1"));
  assert.deepEqual([routes.to("b"), routes.isPlaced("h1:1")], [null, false]);
});

test("Routes keeps the groups that were heard of last, and says whether an answer was news", () => {
  const routes = new Routes(2);
  routes.place("n1", "h1:1");
  const news = ["a", "b", "a", "c"].map((group) => !routes.learn(leads(group, "n1")));
  assert.deepEqual(news, [true, true, false, true]);
  assert.deepEqual(
    ["a", "b", "c"].map((group) => routes.to(group)),
    ["h1:1", null, "h1:1"],
  );
});

/** Three nodes, `n1` to `n3`, one of which leads the only group: the others hand on what they are asked. */
class Scene {
  leader = "n2";
  readonly down = new Set<string>();
  readonly silent = new Set<string>();
  /** Of puts, and of questions who is there. */
  readonly asked: string[] = [];
  readonly introduced: string[] = [];
  readonly client: Client;

  constructor(names = endpoints) {
    const connect = (endpoint: string) => Promise.resolve(new FakeTransport(() => this.#open(endpoint)));
    this.client = new Client({ endpoints: names, connect, timeoutMs: 2_000, random: () => 0 });
  }

  /** Puts until one goes to this endpoint. */
  async putUntil(endpoint: string): Promise<void> {
    for (let tries = 0; this.asked.at(-1) !== endpoint; tries++) {
      assert.ok(tries < 50, `no put came to ${endpoint}: ${this.asked.join(" ")}`);
      await this.client.put("rg220", entry);
    }
  }

  #open(endpoint: string) {
    if (this.down.has(endpoint)) throw new UnreachableError(endpoint, "it was killed");
    const header = (node: string, group: string) => ({ clusterId: "c", group, incarnation: 1n, revision: 9n, node });
    return createInProcessTransport([
      inProcessService(KeyValueService, {
        put: () => {
          this.asked.push(endpoint);
          return this.silent.has(endpoint) ? new Promise(() => {}) : { header: header(this.leader, "rg220") };
        },
      }),
      inProcessService(MaintenanceService, {
        getVersion: () => {
          this.introduced.push(endpoint);
          return { header: header(`n${endpoint[1]}`, "") };
        },
      }),
    ]);
  }
}

test("a client that asks again goes to the leader itself, and follows it when that is another", async () => {
  const scene = new Scene();
  await scene.client.put("rg220", entry);
  assert.deepEqual([scene.asked, scene.introduced], [["h1:1"], []]);
  await scene.putUntil("h2:1");
  assert.deepEqual(scene.introduced, ["h1:1", "h2:1"]);
  for (let again = 0; again < 3; again++) await scene.client.put("rg220", entry);
  assert.deepEqual(scene.asked.slice(-3), ["h2:1", "h2:1", "h2:1"]);
  scene.leader = "n3";
  await scene.putUntil("h3:1");
  scene.leader = "n1";
  await scene.putUntil("h1:1");
  assert.equal(scene.introduced.length, 3);
});

test("a leader that cannot be reached is forgotten at once, and another endpoint is asked", async () => {
  const scene = new Scene();
  await scene.putUntil("h2:1");
  scene.down.add("h2:1");
  scene.leader = "n3";
  await scene.client.put("rg220", entry);
  assert.equal(scene.asked.at(-1), "h1:1");
  await scene.putUntil("h3:1");
});

test("a leader that is silent until a write's time is up is not asked by the next one", async () => {
  const scene = new Scene();
  await scene.putUntil("h2:1");
  scene.silent.add("h2:1");
  await assert.rejects(scene.client.put("rg220", entry, { timeoutMs: 20 }), { code: "deadline" });
  await scene.client.put("rg220", entry);
  assert.equal(scene.asked.at(-1), "h1:1");
});

test("a client of one endpoint asks nobody who it is", async () => {
  const scene = new Scene(["h1:1"]);
  for (let again = 0; again < 3; again++) await scene.client.put("rg220", entry);
  assert.deepEqual([scene.asked.length, scene.introduced], [3, []]);
});
