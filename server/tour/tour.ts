// The guided tour of `npm start`: the reference cluster in real processes, a write, a watch, what each disk holds, a node
// killed and brought back. Every line is read from the cluster; what is expected is only waited for, never printed.

import type { DevCluster } from "../dev/dev-cluster.ts";
import { inspectDirectory } from "../inspect/inspect-directory.ts";
import type { Narrator } from "./narrator.ts";
import { ClusterView, type GroupView } from "./view.ts";
import { waitFor } from "./wait.ts";

export interface TourOptions {
  readonly cluster: DevCluster;
  readonly narrator: Narrator;
  readonly signal: AbortSignal;
}

const victim = "n208";

/** Ends with the cluster running; throws when it does not come to what the tour shows. */
export async function runTour({ cluster, narrator, signal }: TourOptions): Promise<void> {
  narrator.chapter(`Start ${cluster.nodes.length} nodes, each a process with its own disk and its own host`);
  await cluster.startAll(cluster.nodes, (node) => narrator.say(`${node} is ready`));
  const view = new ClusterView(await cluster.endpoints());
  try {
    await new Tour({ cluster, narrator, signal }, view).run();
  } finally {
    await view.close();
  }
}

class Tour {
  readonly #cluster: DevCluster;
  readonly #narrator: Narrator;
  readonly #signal: AbortSignal;
  readonly #view: ClusterView;

  constructor({ cluster, narrator, signal }: TourOptions, view: ClusterView) {
    this.#cluster = cluster;
    this.#narrator = narrator;
    this.#signal = signal;
    this.#view = view;
  }

  async run(): Promise<void> {
    await this.#showGroups();
    await this.#writeAndRead();
    await this.#watch();
    await this.#showDisks();
    const before = await this.#kill();
    await this.#showSpread();
    await this.#showFailOver(before);
    await this.#bringBack();
  }

  async #showGroups(): Promise<void> {
    this.#narrator.chapter("Each group is a small database of its own, with its own quorum");
    const groups = await this.#settled();
    const rows = groups.map((group) => [group.name, group.owners.join(" "), group.currentOwner, group.manager]);
    this.#narrator.table(["group", "owners in order", "current owner", "manager"], rows);
    this.#narrator.plain("these groups have no resources: who owns them is advice, and nothing runs by it");
  }

  async #writeAndRead(): Promise<void> {
    this.#narrator.chapter("Write through any node, read through any other");
    const { nodes } = this.#cluster;
    for (const [position, group] of (await this.#view.groups(this.#first)).entries()) {
      const writer = nodes[(position * 2 + 1) % nodes.length] as string;
      const reader = nodes[(position * 2 + 6) % nodes.length] as string;
      const value = `written ${new Date().toISOString()}`;
      const put = await this.#view.at(writer).put(group.name, { key: "tour/greeting", value });
      this.#narrator.say(`put ${group.name} tour/greeting through ${writer}: revision ${put.header.revision}`);
      const got = await this.#view.at(reader).get(group.name, "tour/greeting");
      const read = got.keyValue === null ? "nothing" : new TextDecoder().decode(got.keyValue.value);
      this.#narrator.say(`get ${group.name} tour/greeting through ${reader}: "${read}"`);
    }
  }

  async #watch(): Promise<void> {
    const [watcher, writer, group] = ["n218", "n202", "rg226"];
    this.#narrator.chapter(`Watch ${group} through ${watcher}, write through ${writer}: neither owns it`);
    const stop = AbortSignal.any([this.#signal, AbortSignal.timeout(10_000)]);
    let sentMs = 0;
    for await (const notice of this.#view.at(watcher).watch(group, { signal: stop })) {
      if (notice.type === "started") {
        this.#narrator.say(`the watch stands at revision ${notice.revision}`);
        sentMs = performance.now();
        await this.#view.at(writer).put(group, { key: "tour/event", value: "hello" });
      }
      if (notice.type !== "events") continue;
      for (const { type, revision, keyValue } of notice.events) {
        const key = new TextDecoder().decode(keyValue.key);
        const value = new TextDecoder().decode(keyValue.value);
        const ms = (performance.now() - sentMs).toFixed(0);
        this.#narrator.say(
          `event: ${type} ${key} = "${value}" at revision ${revision}, ${ms} ms after the write began`,
        );
      }
      return;
    }
    throw new Error(`The watch of ${group} saw nothing in 10 s`);
  }

  async #showDisks(): Promise<void> {
    this.#narrator.chapter("What each disk holds: read from the files, the nodes are not asked");
    const reports = await waitFor("every disk to hold its sphere", async () => {
      const all = await Promise.all(
        this.#cluster.nodes.map((node) => inspectDirectory(this.#cluster.directoryOf(node))),
      );
      return all.every((report) => report.nodeStatuses.length >= 3 && report.interlocked.length >= 1) ? all : null;
    });
    const rows = reports.map((report) => [
      report.node,
      report.groups.map(({ name, keys }) => `${name} (${keys.length} ${keys.length === 1 ? "key" : "keys"})`).join(" "),
      report.nodeStatuses.join(" "),
      report.interlocked.join(" "),
      String(report.foreign.length),
    ]);
    this.#narrator.table(["node", "groups and keys", "node statuses", "interlocked summaries", "foreign"], rows);
  }

  async #kill(): Promise<readonly GroupView[]> {
    this.#narrator.chapter(`Kill ${victim}: SIGKILL, no good-bye`);
    const before = await this.#view.groups(this.#first);
    const endpoint = (await this.#cluster.endpoints()).find(({ node }) => node === victim);
    await this.#cluster.kill(victim);
    this.#narrator.say(`process ${endpoint?.pid} is gone`);
    return before;
  }

  async #showSpread(): Promise<void> {
    const others = this.#cluster.nodes.filter((node) => node !== victim);
    const { members } = await this.#view.at(this.#first).sphere(victim);
    const sphere = members.filter((node) => node !== victim);
    const held = await waitFor(`${sphere.join(" ")} to hold ${victim} as down`, async () => {
      const all = await this.#view.held(victim, others);
      const informed = all.filter(({ verdicts }) => verdicts.length > 0 && verdicts.every(isDown));
      return sphere.every((node) => informed.some(({ holder }) => holder === node)) ? all : null;
    });
    for (const { holder, verdicts } of held) {
      const words = verdicts.map(({ group, status, why }) => `${group} says ${status} (${why})`).join("; ");
      this.#narrator.say(`${holder}: ${words === "" ? `holds no status of ${victim}` : words}`);
    }
    await this.#showEvent("n204", "node_failed");
  }

  async #showFailOver(before: readonly GroupView[]): Promise<void> {
    this.#narrator.chapter("Its groups move on, the others do not notice");
    const after = await waitFor("every group to have an owner that is up", async () => {
      const groups = await this.#view.groups(this.#first);
      const isServed = groups.every(({ currentOwner, hasQuorum }) => hasQuorum && currentOwner !== victim);
      return isServed && groups.length === before.length ? groups : null;
    });
    const rows = after.map((group) => {
      const old = before.find(({ name }) => name === group.name);
      return [group.name, `${old?.currentOwner} -> ${group.currentOwner}`, `${old?.manager} -> ${group.manager}`];
    });
    this.#narrator.table(["group", "current owner", "manager"], rows);
    for (const { name } of after) {
      const put = await this.#view.at("n216").put(name, { key: "tour/after", value: "still served" });
      this.#narrator.say(`put ${name} tour/after through n216: revision ${put.header.revision}`);
    }
  }

  async #bringBack(): Promise<void> {
    this.#narrator.chapter(`Start ${victim} again: it catches up and is reintegrated`);
    await this.#cluster.start(victim);
    this.#narrator.say(`${victim} is ready`);
    await this.#showEvent("n204", "node_reintegrated");
    const statuses = await waitFor(`${victim} to be up`, async () => {
      const all = await this.#view.statuses(this.#first);
      return all.get(victim) === "up" ? all : null;
    });
    this.#narrator.say([...statuses].map(([node, status]) => `${node} ${status}`).join(", "));
    const got = await this.#view.at(victim).get("rg226", "tour/after", { consistency: "local" });
    const value = got.keyValue === null ? "nothing yet" : `"${new TextDecoder().decode(got.keyValue.value)}"`;
    this.#narrator.say(`${victim}'s own copy of rg226 tour/after, written while it was off: ${value}`);
  }

  /** The event of the cluster database that is the last one about the victim, at a node outside its sphere. */
  async #showEvent(at: string, type: string): Promise<void> {
    const event = await waitFor(`${at} to have the event ${type} of ${victim}`, async () => {
      const last = (await this.#view.events(at)).filter(({ node }) => node === victim).at(-1);
      return last?.type === type ? last : null;
    });
    this.#narrator.say(`${at}, outside the sphere, has the cluster event: ${event.type} ${event.node} (${event.why})`);
  }

  /** All groups with a manager and a current owner, all nodes up. */
  async #settled(): Promise<readonly GroupView[]> {
    await waitFor("all nodes to be up", async () => {
      const statuses = await this.#view.statuses(this.#first);
      return [...statuses.values()].every((status) => status === "up") ? statuses : null;
    });
    return waitFor("every group to have an owner", async () => {
      const groups = await this.#view.groups(this.#first);
      return groups.every(({ currentOwner, manager }) => currentOwner !== "" && manager !== "") ? groups : null;
    });
  }

  get #first(): string {
    return this.#cluster.nodes[0] as string;
  }
}

function isDown({ status }: { readonly status: string }): boolean {
  return status === "down";
}
