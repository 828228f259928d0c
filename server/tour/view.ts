// What the tour reads from the running cluster: groups as one node sees them, and what each node holds about another.

import { Client } from "../../client/index.ts";
import type { Endpoint } from "../dev/dev-cluster.ts";

export interface GroupView {
  readonly name: string;
  readonly owners: readonly string[];
  readonly currentOwner: string;
  readonly manager: string;
  readonly revision: number;
  readonly hasQuorum: boolean;
}

/** What a node holds of another's status: the word of each of its groups; none: it holds nothing. */
export interface Held {
  readonly holder: string;
  readonly verdicts: readonly { readonly group: string; readonly status: string; readonly why: string }[];
}

export class ClusterView {
  readonly #clients: ReadonlyMap<string, Client>;

  constructor(endpoints: readonly Endpoint[]) {
    this.#clients = new Map(
      endpoints.map(({ node, api }) => [node, new Client({ endpoints: [api], timeoutMs: 3_000 })]),
    );
  }

  /** A client of this one node. */
  at(node: string): Client {
    const client = this.#clients.get(node);
    if (client === undefined) throw new Error(`No node ${node}`);
    return client;
  }

  /** All groups, as `node` finds them out. */
  async groups(node: string): Promise<readonly GroupView[]> {
    const { groups } = await this.at(node).status();
    return groups.map((group) => ({
      name: group.name,
      owners: group.owners,
      currentOwner: group.currentOwner,
      manager: group.manager,
      revision: Number(group.revision),
      hasQuorum: group.quorum?.hasQuorum === true,
    }));
  }

  /** Nodes with their status in one word, as `node` finds it out by asking everywhere. */
  async statuses(node: string): Promise<ReadonlyMap<string, string>> {
    const { nodes } = await this.at(node).nodes({ askAll: true });
    return new Map(nodes.map(({ name, recoveryStatus }) => [name, recoveryStatus]));
  }

  /** What each of `holders` has about `about`, from its own knowledge alone. */
  async held(about: string, holders: readonly string[]): Promise<readonly Held[]> {
    return Promise.all(
      holders.map(async (holder) => {
        const { nodes } = await this.at(holder).nodes();
        const verdicts = nodes.find(({ name }) => name === about)?.verdicts ?? [];
        return { holder, verdicts: verdicts.map(({ group, status, why }) => ({ group, status, why })) };
      }),
    );
  }

  /** The newest events of the cluster database, oldest first, as `node` has it. */
  async events(
    node: string,
  ): Promise<readonly { readonly type: string; readonly node: string; readonly why: string }[]> {
    const { events } = await this.at(node).clusterEvents({ limit: 20 });
    return events.map(({ type, node: about, why }) => ({ type, node: about, why })).reverse();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
  }
}
