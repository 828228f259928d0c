// A cluster as people run it on one machine: `bailiwick dev` and its subcommands, with the commands that talk to it.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { DevCluster } from "../../server/dev/dev-cluster.ts";
import { readStart } from "../../server/dev/process-record.ts";
import { bailiwick, type RunningCommand, startCommand } from "./support/command.ts";
import { findPorts } from "./support/ports.ts";
import { createScratch } from "./support/scratch.ts";
import { waitFor } from "./support/wait.ts";

const nodes = ["d1", "d2", "d3"];
const startMs = 30_000;
const hearMs = 15_000;

const scratch = createScratch("dev");
const data = join(scratch.directory, "cluster");
const file = join(scratch.directory, "demo.yaml");
writeFileSync(
  file,
  "name: demo\nnodes: [{name: d1}, {name: d2}, {name: d3}]\ngroups: [{name: demo, owners: [d1, d2, d3]}]\n",
);
const port = await findPorts(40);
const devArguments = ["dev", "-f", file, "--data", data, "--api-port", `${port}`, "--peer-port", `${port + 20}`];
const endpoints = nodes.map((_, position) => `127.0.0.1:${port + position}`);

after(async () => {
  await bailiwick(["dev", "stop", "--data", data]);
  scratch.remove();
});

test("Ctrl-C during dev --detach ends with 130, and no node goes on", async () => {
  const dev = startCommand([...devArguments, "--detach"]);
  const { value: pids } = await waitFor("all nodes to be processes", startMs, async () => {
    const begun = await pidsOf().catch(() => []);
    return begun.length === nodes.length ? begun : null;
  });
  dev.signal("SIGINT");
  assert.equal((await dev.ended).code, 130);
  assert.deepEqual(await aliveOf(pids), []);
});

test("dev --detach starts the cluster, prints where it is, and leaves it running", async () => {
  const { code, stdout, stderr } = await bailiwick([...devArguments, "--detach", "-o", "json"]);
  assert.equal(code, 0, stderr);
  const told = JSON.parse(stdout) as { readonly nodes: readonly { node: string; api: string; pid: number }[] };
  assert.deepEqual(
    told.nodes.map(({ node }) => node),
    nodes,
  );
  assert.deepEqual(
    told.nodes.map(({ api }) => api),
    endpoints,
  );
  const pids = told.nodes.map(({ pid }) => pid);
  assert.deepEqual(await aliveOf(pids), pids);
});

test("put, get, list and status work through any endpoint", async () => {
  await ok("put", "demo", "colour", "green", "--endpoints", endpoints[0] ?? "");
  assert.equal((await ok("get", "demo", "colour", "--endpoints", endpoints[2] ?? "")).trim(), "green");
  const list = JSON.parse(await ok("list", "demo", "-o", "json")) as { readonly keyValues: readonly { key: string }[] };
  assert.deepEqual(
    list.keyValues.map(({ key }) => key),
    ["colour"],
  );
  await waitFor("the screen to show all nodes up", hearMs, async () => {
    const screen = await ok("status");
    return nodes.every((node) => new RegExp(`${node}.*up`).test(screen)) || null;
  });
});

test("a watch resumes on another node when its own is killed by dev kill, without a gap and without repeating (F2)", async () => {
  const watch = startCommand(["watch", "demo", "step/", "-o", "json", "--endpoints", endpoints.join(",")]);
  await waitFor("the watch to stand", hearMs, () => /watching/.test(watch.stderr()) || null);
  await put("step/1");
  await waitFor("the first event", hearMs, () => keysSeen(watch).includes("step/1") || null);
  assert.equal(await ok("dev", "kill", "d1", "--data", data), "Killed d1\n");
  for (const step of ["step/2", "step/3"]) await put(step);
  await waitFor("the events behind the kill", hearMs, () => keysSeen(watch).includes("step/3") || null);
  assert.deepEqual(keysSeen(watch), ["step/1", "step/2", "step/3"]);
  assert.match(watch.stderr(), /interrupted[\s\S]*resumed/);
  watch.signal("SIGINT");
  assert.equal((await watch.ended).code, 130);
});

test("status shows the killed node down, and up again after dev start", async () => {
  const screenWith = (status: string) =>
    waitFor(`d1 to be ${status}`, hearMs, async () => {
      const screen = await ok("status", "--endpoints", endpoints.slice(1).join(","));
      return new RegExp(`d1.*${status}`).test(screen) || null;
    });
  await screenWith("down");
  await ok("dev", "start", "d1", "--data", data);
  await screenWith("up");
  assert.equal((await ok("get", "demo", "step/3", "--endpoints", endpoints[0] ?? "")).trim(), "value of step/3");
});

test("dev stop ends every node", async () => {
  const pids = await pidsOf();
  const { stopped } = JSON.parse(await ok("dev", "stop", "--data", data, "-o", "json")) as { stopped: string[] };
  assert.deepEqual(stopped, nodes);
  assert.deepEqual(await aliveOf(pids), []);
});

for (const [how, signal, code] of [
  ["Ctrl-C", "SIGINT", 0],
  ["SIGKILL of dev", "SIGKILL", null],
] as const) {
  test(`${how} ends all nodes of a dev in the foreground, which had the data of before`, async () => {
    const dev = startCommand(devArguments);
    await waitFor("all nodes to be ready", startMs, () => /Ctrl-C stops all/.test(dev.stderr()) || null);
    assert.equal((await ok("get", "demo", "colour", "--endpoints", endpoints[1] ?? "")).trim(), "green");
    const pids = await pidsOf();
    assert.equal(pids.length, nodes.length);
    dev.signal(signal);
    assert.equal((await dev.ended).code, code);
    await waitFor("all nodes to end", hearMs, async () => ((await aliveOf(pids)).length === 0 ? true : null));
  });
}

/** Runs a command that must succeed. @returns what it printed */
async function ok(...args: readonly string[]): Promise<string> {
  const isGiven = args.includes("--endpoints") || args[0] === "dev";
  const all = isGiven ? args : [...args, "--endpoints", endpoints.join(",")];
  const { code, stdout, stderr } = await bailiwick(all);
  assert.equal(code, 0, `bailiwick ${all.join(" ")}: ${stderr}`);
  return stdout;
}

async function put(key: string): Promise<void> {
  await waitFor(`${key} to be written`, hearMs, () => ok("put", "demo", key, `value of ${key}`, "--timeout", "10s"));
}

function keysSeen(watch: RunningCommand): readonly string[] {
  const lines = watch.stdout().split("\n").slice(0, -1);
  return lines.map((line) => (JSON.parse(line) as { readonly keyValue: { readonly key: string } }).keyValue.key);
}

async function pidsOf(): Promise<readonly number[]> {
  return (await (await DevCluster.open(data)).endpoints()).flatMap(({ pid }) => pid ?? []);
}

/** A process that has ended but that nobody has asked about is not alive. */
async function aliveOf(pids: readonly number[]): Promise<readonly number[]> {
  const starts = await Promise.all(pids.map(readStart));
  return pids.filter((_, position) => starts[position] !== null);
}
