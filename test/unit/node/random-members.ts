// Whole nodes whose members change at random: owners of two groups, quorum policies, voters of the cluster group, while nodes are
// stopped, wiped and cut off, and one kind of message is lost. In the end all are up, and must come to rest.

import { encodeGroupConfig } from "../../../proto/group-config.ts";
import { type GroupId, type NodeId, toGroupId, toMillis, toNodeId } from "../../../proto/ids.ts";
import type { Membership } from "../../../proto/membership.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import type { DirectoryEntry } from "../../../proto/model.ts";
import { Random } from "../../../proto/random.ts";
import type { Request } from "../../../proto/requests.ts";
import type { ResourceGroup } from "../../../server/node/resource-group.ts";
import { Cluster, put, rg } from "./cluster.ts";

const nodes = [1, 2, 3, 4, 5, 6, 7].map((number) => toNodeId(`n${number}`));
const rh = toGroupId("rh");
const steps = 30;
/** Of virtual time, once all is well: changes wait for each other, for silent voters and witnesses, and for their back-off. */
const restMsMax = 180_000;

const losable: readonly PeerMessage["type"][] = [
  "departed",
  "invite",
  "replicaLost",
  "snapshotPart",
  "snapshotAck",
  "raft",
  "beatEcho",
  "hello",
  "helloAccepted",
  "clusterState",
  "clusterEntries",
  "clusterNews",
  "clusterPull",
  "ownersReport",
];

interface Held {
  readonly node: NodeId;
  readonly group: ResourceGroup;
}

export class RandomMembers {
  readonly #random: Random;
  readonly #cluster: Cluster;
  /** What was done, for who reads a failure. */
  readonly trace: string[] = [];
  readonly #actions: readonly (() => string | null)[];

  constructor(seed: number) {
    this.#random = new Random(seed);
    const voterReplacement = { afterMs: this.#random.pick([5_000, null]), candidates: [] };
    const groups = { rg: nodes.slice(0, this.#random.between(2, 3)), rh: nodes.slice(2, 5) };
    this.#cluster = new Cluster({ nodes, groups, voters: nodes.slice(0, 3), voterReplacement });
    this.#actions = [
      () => this.#setOwners(),
      () => this.#setOwners(),
      () => this.#setPolicy(),
      () => this.#stop(),
      () => this.#stop(),
      () => this.#start(),
      () => this.#start(),
      () => this.#wipe(),
      () => this.#createGroup(),
      () => this.#loseKind(),
      () => this.#cutOff(),
      () => this.#restForAWhile(),
    ];
    this.#cluster.advance(3_000);
  }

  /** @returns what has not come to rest; null: all is well */
  run(): string | null {
    for (let step = 0; step < steps; step++) {
      const done = this.#random.pick(this.#actions)();
      if (done !== null) this.trace.push(done);
      this.#call(put("k", `${step}`));
      this.#cluster.advance(this.#random.pick([this.#random.between(5, 400), this.#random.between(400, 12_000)]));
      if (this.#random.between(0, 2) === 0) this.#cluster.copies = () => 1;
    }
    this.#heal();
    for (let waited = 0; waited < restMsMax && this.#problem() !== null; waited += 1_000) this.#cluster.advance(1_000);
    return this.#problem();
  }

  get #up(): readonly NodeId[] {
    return nodes.filter((node) => this.#cluster.members.has(node));
  }

  #call(request: Request): void {
    this.#cluster.member(this.#random.pick(this.#up)).call(request, 6_000);
  }

  #setOwners(): string {
    const group = this.#random.pick([rg, rh]);
    const owners = this.#random.shuffle([...nodes]).slice(0, this.#random.between(2, 4));
    this.#call({ type: "setOwners", group, owners, ifIndex: null, validateOnly: false });
    return `owners of ${group} ${owners}`;
  }

  #setPolicy(): string {
    const group = this.#random.pick([rg, rh]);
    const votes = Object.fromEntries(this.#ownersOf(group).map((node) => [node, this.#random.between(0, 2)]));
    const quorum = this.#random.pick([{}, { majority: {} }, { witness: {} }, { weighted: { votes } }]);
    this.#call({ type: "configure", group, config: encodeGroupConfig({ quorum }) });
    return `policy of ${group} ${JSON.stringify(quorum)}`;
  }

  #stop(): string | null {
    if (this.#up.length < 4) return null;
    const node = this.#random.pick(this.#up);
    this.#cluster.stop(node);
    return `stop ${node}`;
  }

  #start(): string | null {
    const down = nodes.filter((node) => !this.#up.includes(node));
    if (down.length === 0) return null;
    const node = this.#random.pick(down);
    this.#cluster.start(node);
    this.#cluster.advance(1);
    return `start ${node}`;
  }

  /** Only where that costs no quorum: nothing is under way, and everybody has all. */
  #wipe(): string | null {
    this.#restForAWhile();
    if (!this.#isCalm()) return null;
    const node = this.#random.pick(nodes);
    this.#cluster.stop(node);
    this.#cluster.wipe(node);
    this.#cluster.start(node, "wiped");
    this.#cluster.advance(1);
    return `wipe ${node}`;
  }

  #createGroup(): string {
    const group = toGroupId(`x${this.trace.length}`);
    const owners = this.#random.shuffle([...nodes]).slice(0, 3);
    this.#call({ type: "createGroup", group, owners, validateOnly: false });
    return `create ${group} on ${owners}`;
  }

  #loseKind(): string {
    const kind = this.#random.pick(losable);
    const percent = this.#random.between(30, 100);
    this.#cluster.copies = (_from, _to, { type }) => (type === kind && this.#random.between(1, 100) <= percent ? 0 : 1);
    return `lose ${percent} % of ${kind}`;
  }

  /** One or two nodes from the others, and no connection breaks. */
  #cutOff(): string {
    const apart = new Set([this.#random.pick(nodes), this.#random.pick(nodes)]);
    this.#cluster.copies = (from, to) => (apart.has(from) === apart.has(to) ? 1 : 0);
    return `cut off ${[...apart]}`;
  }

  #restForAWhile(): string {
    this.#heal();
    this.#cluster.advance(20_000);
    return "rest";
  }

  #heal(): void {
    this.#cluster.copies = () => 1;
    while (this.#start() !== null);
  }

  #problem(): string | null {
    return this.#clusterProblem() ?? this.#entries.map((entry) => this.#groupProblem(entry)).find(Boolean) ?? null;
  }

  #clusterProblem(): string | null {
    const databases = nodes.map((node) => this.#cluster.member(node).machine.database);
    const [first] = databases;
    if (first === undefined || databases.some(({ index }) => index !== first.index))
      return `cluster indexes ${databases.map(({ index }) => index)}`;
    const leading = databases.find(({ coordinator }) => coordinator !== null);
    if (leading === undefined) return `no coordinator among ${first.state.voters}`;
    if (!isAtRest(leading.membership)) return `the voters change: ${JSON.stringify(leading.membership)}`;
    const seats = nodes.filter((node) => this.#cluster.member(node).machine.database.replica !== null);
    const voters = nodes.filter((node) => first.state.voters.includes(node));
    return seats.join() === voters.join() ? null : `${seats} hold the cluster group, ${voters} vote`;
  }

  #groupProblem(entry: DirectoryEntry): string | null {
    const held = this.#heldOf(entry.group);
    const manager = held.find(({ group }) => group.isManaged);
    if (manager === undefined) return `${entry.group} has no manager: ${held.map(({ node }) => node)}`;
    const { membership } = manager.group;
    if (!isAtRest(membership)) return `${entry.group} changes: ${JSON.stringify(membership)}`;
    const stray = held.find(({ node }) => !ownersIn(membership).includes(node));
    if (stray !== undefined) return `${stray.node} has not left ${entry.group}`;
    const quarantined = membership.owners.find((node) => this.#quarantineOf(node) !== null);
    if (quarantined !== undefined) return `${quarantined} is in quarantine`;
    if (entry.owners.join() !== membership.owners.join())
      return `${entry.group} is listed on ${entry.owners}, and is on ${membership.owners}`;
    return this.#seatProblem(entry.group, membership);
  }

  #seatProblem(group: GroupId, { voters }: Membership): string | null {
    const witnesses = voters.filter(({ isWitness }) => isWitness).map(({ node }) => node);
    const seated = nodes.filter((node) => {
      const stored = this.#cluster.member(node).disk.read();
      return (
        stored.type === "image" && stored.image.seats.some((seat) => seat.group === group && seat.role === "witness")
      );
    });
    return seated.join() === witnesses.join() ? null : `${seated} have a seat in ${group}, ${witnesses} witness`;
  }

  #isCalm(): boolean {
    if (this.#up.length < nodes.length || this.#problem() !== null) return false;
    if (this.#up.some((node) => this.#quarantineOf(node) !== null)) return false;
    const memberships = this.#entries.flatMap(({ group }) => this.#heldOf(group).map((held) => held.group.membership));
    return memberships.every(({ voters }) => voters.length >= 3 && voters.every(({ votes }) => votes === 1));
  }

  get #entries(): readonly DirectoryEntry[] {
    return this.#cluster.member(this.#up[0] as NodeId).machine.database.state.directory.groups;
  }

  #ownersOf(group: GroupId): readonly NodeId[] {
    return this.#entries.find((entry) => entry.group === group)?.owners ?? [];
  }

  #heldOf(group: GroupId): readonly Held[] {
    return this.#up.flatMap((node) => {
      const held = this.#cluster.member(node).machine.group(group);
      return held === null ? [] : [{ node, group: held }];
    });
  }

  #quarantineOf(node: NodeId): string | null {
    return this.#cluster.member(node).machine.self(toMillis(this.#cluster.nowMs)).quarantine;
  }
}

function isAtRest({ outgoing, target }: Membership): boolean {
  return outgoing.length === 0 && target === null;
}

function ownersIn({ voters }: Membership): readonly NodeId[] {
  return voters.filter(({ isWitness }) => !isWitness).map(({ node }) => node);
}
