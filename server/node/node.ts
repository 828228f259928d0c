// A node: its groups, its copy of the cluster database, and what it knows of its sphere. One synchronous state machine; this
// file leads each input to the part that it concerns and gathers what the parts ask for.

import { present } from "../../proto/assert.ts";
import { clusterGroup, type GroupId, type Millis, type NodeId, toLogIndex, toMillis } from "../../proto/ids.ts";
import type { GroupMessage, PeerMessage } from "../../proto/messages.ts";
import type { DirectoryEntry, GroupObject, StatusComponent } from "../../proto/model.ts";
import type { Amounts } from "../../proto/policies.ts";
import { Random } from "../../proto/random.ts";
import type { NodeSelf } from "../../proto/requests.ts";
import { emptyBytes } from "../../storage/bytes.ts";
import { allVoters } from "../raft/changes.ts";
import type { LeaseRead } from "../raft/types.ts";
import { StatusTable } from "../sphere/status-table.ts";
import { abandonCalls } from "./abandon-calls.ts";
import { Agenda } from "./agenda.ts";
import { AgentDesk, type LeasedGroup } from "./agent-desk.ts";
import { Allowance } from "./allowance.ts";
import { Applier } from "./applier.ts";
import { Beats } from "./beats.ts";
import { CallDesk, type Knowledge } from "./call-desk.ts";
import { Calls } from "./calls.ts";
import { ClusterDatabase, type ClusterListener } from "./cluster-database.ts";
import type { ClusterOutcome, ClusterState } from "./cluster-state.ts";
import { Counters } from "./counters.ts";
import { Departures } from "./departures.ts";
import { DiskSpace } from "./disk-space.ts";
import type { Effect } from "./effects.ts";
import { type Bequest, Farewell } from "./farewell.ts";
import { stepDownOperations } from "./genesis.ts";
import { Groups, type GroupsOptions, replicaParts } from "./groups.ts";
import { HardStates } from "./hard-states.ts";
import type { NodeImage } from "./image.ts";
import type { Input } from "./inputs.ts";
import { limits } from "./limits.ts";
import { presentOf } from "./lineage.ts";
import type { LogKept } from "./log-trim.ts";
import { MemorySpace } from "./memory-space.ts";
import { earliest, nextTick } from "./millis.ts";
import { Neighbourhood } from "./neighbourhood.ts";
import { networkNeeds } from "./network-needs.ts";
import { NodeStreams } from "./node-streams.ts";
import { Outbox } from "./outbox.ts";
import { PeerDispatch } from "./peer-dispatch.ts";
import { Quarantine } from "./quarantine.ts";
import { Reception } from "./reception.ts";
import type { ResourceGroup } from "./resource-group.ts";
import { type LocalGroup, Router } from "./router.ts";
import { type Acknowledger, Settling } from "./settling.ts";
import { Slots } from "./slots.ts";
import type { StateMachine } from "./state-machine.ts";
import { StatusExchange } from "./status-exchange.ts";
import { Turn } from "./turn.ts";
import { VerdictReports } from "./verdict-reports.ts";
import { usualReplacement, type VoterReplacement } from "./voter-replacement.ts";
import { Vouching } from "./vouching.ts";
import type { World } from "./world.ts";

export interface NodeOptions {
  readonly image: NodeImage;
  /** For election deadlines and the choice of peers. */
  readonly seed: number;
  /** Wall clock minus monotonic clock, until an input tells another. */
  readonly wallOffsetMs: number;
  /** How much log stays behind the applied state for followers that lag; by default as limits.ts says. */
  readonly logKept?: LogKept;
  /** Low watermark of free space; by default as limits.ts says. */
  readonly diskFreeBytesMin?: number;
  /** Of all groups together; by default as limits.ts says. */
  readonly groupsBytesMax?: number;
  /** As the bootstrap says it; by default every linearizable read takes a round. */
  readonly leaseRead?: LeaseRead | null;
  /** As the bootstrap says it; by default as limits.ts says, by any node. */
  readonly voterReplacement?: VoterReplacement;
}

export class Node implements StateMachine, Knowledge {
  readonly #world: World;
  readonly #image: NodeImage;
  readonly #groups: Groups;
  readonly #agenda = new Agenda<ResourceGroup>();
  readonly #router: Router;
  readonly #beats: Beats;
  readonly #reception: Reception;
  readonly #dispatch: PeerDispatch;
  readonly #turn: Turn;
  readonly #desk: CallDesk;
  readonly #reports: VerdictReports;
  readonly #settling: Settling;
  readonly #farewell: Farewell;
  readonly #neighbourhood: Neighbourhood;
  readonly streams: NodeStreams;
  readonly agents: AgentDesk;
  readonly #quarantine: Quarantine;
  #database: ClusterDatabase | null = null;
  #statuses: StatusExchange | null = null;
  #startedMs = toMillis(0);
  #nextPullMs = toMillis(0);
  #wallOffsetMs: number;
  /** When its last step began. */
  #steppedMs: Millis = toMillis(0);
  #created: readonly DirectoryEntry[] | null = null;
  readonly #leaving = new Set<ResourceGroup>();
  /** Groups are held here, or with others, that the network does not know of yet. */
  #hasOtherFellows = false;

  constructor(options: NodeOptions) {
    const { image, seed } = options;
    const out = new Outbox();
    this.#image = image;
    this.#quarantine = new Quarantine(image, out);
    this.#wallOffsetMs = options.wallOffsetMs;
    this.#world = {
      self: image.node,
      cluster: image.cluster,
      boot: image.boot,
      nonce: presentOf(image.lineage).nonce,
      out,
      calls: new Calls(out),
      hardStates: new HardStates(image.hardStates),
      slots: new Slots(image.nextSlot),
      vouching: new Vouching(),
      counters: new Counters(),
      random: new Random(seed),
      wallOffsetMs: () => this.#wallOffsetMs,
      logKept: options.logKept ?? { bytes: limits.logBytesKept, entries: limits.logEntriesKept },
      isDoubtful: () => this.#quarantine.reason !== null,
      recounts: new Allowance(limits.recountBytesPerSecond / 1_000, limits.recountBytesAtOnceMax),
      isForgetful: () => this.#quarantine.isForgetful,
      diskSpace: new DiskSpace(image.node, options.diskFreeBytesMin ?? limits.diskFreeBytesMin),
      memorySpace: new MemorySpace(image.node, options.groupsBytesMax ?? limits.groupsBytesMax),
      leaseRead: options.leaseRead ?? null,
      voterReplacement: options.voterReplacement ?? usualReplacement,
      quarantines: this.#quarantine.reasons,
      connected: new Set(),
      departures: new Departures(image.node),
    };
    this.#beats = new Beats(this.#world);
    this.#router = new Router(this.#world, {
      local: (group) => this.#local(group),
      ownersOf: (group) => this.#ownersOf(group),
      holdersOf: (nodes) => this.streams.holdersOf(nodes),
    });
    this.streams = new NodeStreams(this.#world, this);
    this.#turn = new Turn(out);
    this.#reception = new Reception(this.#world, image, {
      fellows: () => this.#fellows(),
      otherVotersOf: (group) => this.#otherVotersOf(group),
      deliver: (from, message, nowMs) => this.#deliver(from, message, nowMs),
      unproven: (from, message, nowMs) => {
        const held = message.group === clusterGroup ? this.database : this.#groups.get(message.group);
        held?.unproven(from, message, nowMs);
      },
    });
    this.#desk = new CallDesk(this.#world, this.#router, this);
    this.#reports = new VerdictReports(this.#world);
    this.#settling = new Settling(this.#world);
    this.#farewell = new Farewell(this.#world, (...question) => this.#desk.ask(...question));
    const nodes = () => this.database.state.nodes;
    const listed = (group: GroupId) => this.database.state.directory.group(group);
    const recovery = (group: GroupId) => this.database.state.recovery(group);
    const intents = (group: GroupId) => this.database.state.pendingIntents(group);
    const listener = this.#groupListener();
    this.agents = new AgentDesk(this.#world, {
      leased: () => this.#leased(),
      configured: () => this.#capacityOf(this.#world.self),
      termsOf: (group) => this.#groups.get(group)?.terms ?? null,
    });
    this.#neighbourhood = new Neighbourhood({
      elsewhere: () => this.#statuses?.summaries() ?? [],
      here: () => this.#groups.summaries,
    });
    const placement = {
      neighboursOf: (group: GroupObject) => this.#neighbourhood.of(group),
      capacityOf: (node: NodeId) => this.#capacityOf(node),
      startOf: (node: NodeId) => (node === image.node ? image.boot : this.#reception.startOf(node)),
      sampleOf: (node: NodeId, nowMs: Millis) => this.agents.sampleOf(node, nowMs),
    };
    const agenda = this.#agenda;
    this.#groups = new Groups(this.#world, { agenda, listener, nodes, listed, recovery, intents, placement });
    this.#dispatch = this.#createDispatch();
  }

  #createDispatch(): PeerDispatch {
    return new PeerDispatch(
      this.#world,
      {
        reception: this.#reception,
        groups: this.#groups,
        beats: this.#beats,
        quarantine: this.#quarantine,
        agents: this.agents,
        reports: this.#reports,
        desk: this.#desk,
        router: this.#router,
        database: () => this.database,
        statuses: () => this.#statuses,
      },
      {
        helloRefused: (from, message, nowMs) => this.#helloRefused(from, message, nowMs),
        quarantinesChanged: () => this.#quarantinesChanged(),
      },
    );
  }

  step(input: Input, nowMs: Millis): readonly Effect[] {
    this.#desk.stepBegins(nowMs);
    this.#noteStandstill(nowMs);
    this.#take(input, nowMs);
    if (this.#database !== null) this.#settle(nowMs);
    if (this.#world.out.hasPromise) this.#reception.promised(nowMs);
    return this.#world.out.take(this.#database?.index ?? toLogIndex(0), this.#quarantine.reason ?? "");
  }

  /** Who manages anything beats, and so has no longer pauses of its own. */
  #noteStandstill(nowMs: Millis): void {
    const stillMs = nowMs - this.#steppedMs - limits.standstillMs;
    this.#steppedMs = nowMs;
    if (stillMs <= 0) return;
    for (const group of this.#groups) group.stoodStill(stillMs);
    this.#database?.stoodStill(stillMs);
  }

  deadlineMs(): Millis | null {
    return earliest(
      this.#agenda.deadlineMs(),
      this.#groups.deadlineMs(),
      this.#beats.deadlineMs(),
      this.#database?.deadlineMs() ?? null,
      this.#statuses?.deadlineMs() ?? null,
      this.#desk.deadlineMs(),
      this.#reports.deadlineMs(),
      this.#settling.deadlineMs(),
      this.#farewell.deadlineMs(),
      this.streams.deadlineMs(),
      this.#reception.deadlineMs(),
      this.agents.allocations.deadlineMs(),
      this.#database === null ? null : this.#nextPullMs,
    );
  }

  #take(input: Input, nowMs: Millis): void {
    switch (input.type) {
      case "start":
        return this.#start(nowMs);
      case "deadline":
        return this.#deadline(nowMs);
      case "peer":
        return this.#dispatch.receive(input.from, input.envelope, nowMs);
      case "peerUp":
        return this.#peerUp(input.peer, nowMs);
      case "peerDown":
        return this.#peerDown(input.peer, nowMs);
      case "call":
        return this.#desk.open({ type: "client", call: input.call }, input.request, input.budgetMs, nowMs);
      case "cancel":
        return this.#desk.cancel({ type: "client", call: input.call });
      case "durable":
        return this.#durable(input.write, nowMs);
      case "drained":
        return this.#desk.drained({ type: "client", call: input.call }, nowMs);
      case "continue":
        return input.work === "turnEnd" ? this.#endTurn(nowMs) : this.#workOn(nowMs);
      case "diskFree":
        return this.#diskMeasured(input.bytes);
      case "wallClock":
        // Managers that wait for a time of day look anew every few seconds.
        this.#wallOffsetMs = input.offsetMs;
        return;
      case "stopping":
        this.#farewell.begin(nowMs);
        return this.#router.stopping(nowMs);
    }
  }

  #start(nowMs: Millis): void {
    const { database, groups, seats, statuses, summaries, allocations, anewSince, unnamed } = this.#image;
    const quarantine = this.#quarantine.reason;
    this.#startedMs = nowMs;
    this.#nextPullMs = nowMs;
    const isVoter = database.log !== null && quarantine === null;
    const content = isVoter
      ? { voter: replicaParts<ClusterOutcome, ClusterState>(database, this.#world, nowMs) }
      : { ...database, copy: new Applier<ClusterOutcome, ClusterState>(database.state, database.rows.applied) };
    const options = { listener: this.#clusterListener(), nowMs };
    this.#database = new ClusterDatabase(content, this.#world, options);
    if (database.role === "owner" && !isVoter)
      this.#world.out.writeDurably(stepDownOperations(this.#database.record), null);
    // What a node in quarantine has on its disk may miss what it promised: nothing of it takes part.
    for (const group of groups) {
      if (quarantine === null) this.#groups.restore(group, nowMs);
      else this.#groups.discard(group);
    }
    for (const seat of seats) this.#groups.restoreSeat(seat, nowMs);
    this.#groups.followDirectory(nowMs);
    this.agents.allocations.restore(allocations, anewSince);
    for (const { group } of isVoter ? [database, ...groups, ...seats] : [...groups, ...seats]) {
      this.#reception.close(group, nowMs);
    }
    const table = new StatusTable();
    for (const component of statuses) table.mergeComponent(component);
    for (const summary of summaries) table.mergeSummary(summary);
    const ownSummaries = () => this.#groups.summaries;
    const { directory } = database.state;
    const changed = (node: NodeId) => this.streams.nodeChanged(node);
    this.streams.directoryChanged(directory);
    this.#statuses = new StatusExchange(this.#world, table, directory, { ownSummaries, changed, nowMs });
    for (const group of this.#groups) this.#statuses.groupChanged(group.state.verdicts(), null, false);
    for (const range of unnamed) this.#world.out.erase(range);
    this.#configureNetwork();
    if (quarantine === null) return;
    this.#router.renumber();
    this.#world.out.note("warn", "Quarantined", { reason: quarantine });
  }

  #deadline(nowMs: Millis): void {
    const { database } = this;
    this.#desk.deadline(nowMs);
    for (const group of this.#agenda.atDeadline(nowMs)) group.deadline(nowMs);
    database.deadline(nowMs);
    const quarantined = this.#quarantine.among(this.#world.connected);
    this.#beats.deadline([...database.watched(), ...quarantined], database.index, nowMs);
    this.#statuses?.deadline(nowMs);
    this.#reports.deadline(this.#groups, database, nowMs);
    this.#groups.deadline(nowMs);
    this.#settling.deadline(this.#replicas(), nowMs);
    this.#reception.deadline(nowMs);
    this.agents.allocations.deadline(nowMs);
    this.#pullNow(nowMs);
  }

  /** Also of nodes that beat with nobody: every node asks a random peer now and then how far the cluster's log is. */
  #pullNow(nowMs: Millis): void {
    if (nowMs < this.#nextPullMs) return;
    this.#nextPullMs = nextTick(nowMs, limits.clusterPullIntervalMs);
    const { database } = this;
    const peers = [...this.#world.connected];
    if (database.replica !== null || peers.length === 0) return;
    this.#world.out.send(this.#world.random.pick(peers), { type: "clusterPull", after: database.index });
  }

  #deliver(from: NodeId, message: GroupMessage, nowMs: Millis): void {
    const holder = message.group === clusterGroup ? this.database : this.#groups;
    holder.receive(from, message, nowMs);
  }

  #otherVotersOf(group: GroupId): readonly NodeId[] {
    const held = group === clusterGroup ? this.database : this.#groups.get(group);
    const voters = held === null ? [] : allVoters(held.membership).map(({ node }) => node);
    return voters.filter((node) => node !== this.#world.self);
  }

  #helloRefused(from: NodeId, message: PeerMessage & { readonly type: "helloRefused" }, nowMs: Millis): void {
    const holds = this.#reception.helloRefused(from, message);
    if (this.#quarantine.reason !== null) return;
    if (!holds) return this.#world.counters.count("refusals that do not hold");
    const { boot } = message.remembered;
    const reason = `The disk is an old image: ${from} has seen start ${boot} of this node, of which the disk knows nothing`;
    this.#enterQuarantine(reason, nowMs);
  }

  /** As a start does it that finds its data old: this node speaks as none of the members that it was, from this step on. */
  #enterQuarantine(reason: string, nowMs: Millis): void {
    const { database } = this;
    this.#quarantine.enter(reason, database);
    this.#router.renumber();
    const left = [...this.#groups].map(({ replica }) => replica.key.group);
    if (database.replica !== null) left.push(clusterGroup);
    database.leave();
    this.#groups.loseAll(nowMs);
    this.agents.allocations.lose();
    this.#turn.forget();
    this.#reception.beginAnew(nowMs);
    const options = { listener: this.#clusterListener(), nowMs };
    this.#database = new ClusterDatabase(database.asCopy(), this.#world, options);
    abandonCalls(left, this.#world, this.#router, nowMs);
  }

  /** The rest of the disk is not in doubt for it: the other groups may have nobody else who holds them. */
  #loseReplica(group: ResourceGroup, reason: string): void {
    this.#world.out.note("warn", "Quarantined a replica", { group: group.replica.key.group, reason });
    this.#world.counters.count("replicas quarantined");
    this.#leaving.add(group);
  }

  #maybeRelease(): void {
    if (!this.#quarantine.maybeEnd(this.database, this.#groups)) return;
    this.#reception.beNoLongerAnew();
    this.#quarantinesChanged();
  }

  /** Nodes with which this one shares a group, or the cluster database. */
  #fellows(): ReadonlySet<NodeId> {
    const { self } = this.#world;
    const { directory, voters } = this.database.state;
    const members = [...this.#groups].flatMap(({ membership }) => allVoters(membership).map(({ node }) => node));
    const fellows = new Set([...directory.sphereOf(self), ...members, ...(voters.includes(self) ? voters : [])]);
    fellows.delete(self);
    return fellows;
  }

  /** Whoever decides on nodes here does so anew. */
  #quarantinesChanged(): void {
    this.database.wake();
    for (const group of this.#groups) group.wake();
  }

  #peerUp(peer: NodeId, nowMs: Millis): void {
    this.#world.connected.add(peer);
    if (this.#world.quarantines.has(peer)) this.#beats.wake(nowMs);
    if (this.#database !== null && this.#fellows().has(peer)) this.#reception.peerUp(peer, nowMs);
    this.#router.peerUp(peer, nowMs);
    this.#farewell.peerUp(peer);
    this.#database?.log.peerUp(peer);
    this.#statuses?.peerUp(peer);
  }

  #peerDown(peer: NodeId, nowMs: Millis): void {
    this.#world.connected.delete(peer);
    this.#reception.peerDown(peer);
    this.#router.peerDown(peer, nowMs);
    this.#desk.cancelFrom(peer);
  }

  #durable(write: number, nowMs: Millis): void {
    this.#world.out.durable(write);
    this.#world.hardStates.durable(write);
    this.#reception.durable(write, nowMs);
    for (const group of this.#agenda.writing()) group.durable(write, nowMs);
    for (const seat of this.#groups.seats) seat.durable(write, nowMs);
    this.#database?.durable(write, nowMs);
    this.agents.allocations.durable(write);
  }

  #diskMeasured(bytes: number): void {
    const { diskSpace, out } = this.#world;
    const change = diskSpace.measured(bytes);
    if (change === "low") out.note("warn", "Disk space is low", { refused: diskSpace.shortage });
    if (change === "enough") out.note("info", "Disk space is enough again", { freeBytes: bytes });
  }

  /** After every step: what follows from it in any part. */
  #settle(nowMs: Millis): void {
    this.#makeNewGroups(nowMs);
    this.#maybeRelease();
    for (const group of this.#leaving) this.#groups.lose(group, nowMs);
    this.#leaving.clear();
    if (this.#hasOtherFellows) this.#configureNetwork();
    this.#handOver(nowMs);
    this.database.settle(nowMs);
    let isLeft = this.database.replica?.hasWork === true;
    for (const group of this.#agenda.take(nowMs)) {
      if (group.settle(nowMs)) {
        isLeft = true;
        this.#agenda.touch(group);
      }
      this.#agenda.file(group);
    }
    this.streams.settle(nowMs);
    this.#settling.settle(nowMs);
    this.#turn.settle(isLeft);
  }

  /** What this node leads, when it is about to stop. */
  #handOver(nowMs: Millis): void {
    const left = this.#farewell.settle(this.#replicas(), nowMs);
    for (const group of this.#groups) if (left.includes(group.replica)) this.#agenda.touch(group);
  }

  /** `stopping` has been heard, and nobody loses anything by the end of this node that could be saved. */
  get isDeparted(): boolean {
    return this.#farewell.isDone;
  }

  /** Of this node: one a group, and on a voter that of the cluster group. */
  *#replicas(): Iterable<Acknowledger & Bequest> {
    for (const group of this.#groups) yield group.replica;
    if (this.database.replica !== null) yield this.database.replica;
  }

  #endTurn(nowMs: Millis): void {
    const beating = this.#turn.end(nowMs);
    if (beating.length > 0) this.#beats.beat(beating, this.database.index, nowMs);
  }

  /** Goes on with what the steps before have left. */
  #workOn(nowMs: Millis): void {
    this.#turn.restBegins();
    for (const group of this.#agenda.touched()) group.work(nowMs);
    this.#database?.work(nowMs);
  }

  /** Groups that came with the cluster's log, or that a copy of the whole database brought. */
  #makeNewGroups(nowMs: Millis): void {
    const created = this.#created;
    if (created === null) return;
    this.#created = null;
    const { state } = this.database;
    const { directory } = state;
    this.#groups.followDirectory(nowMs);
    for (const { group, incarnation, owners, index } of created) {
      // Of a group whose owners have changed since it began, its manager invites.
      const isFounder = index === 0 && state.recovery(group) === null && owners.includes(this.#world.self);
      if (isFounder && this.#groups.mayCreate({ group, incarnation })) {
        this.#groups.create({ group, incarnation, owners, config: emptyBytes }, nowMs);
        this.#reception.close(group, nowMs);
      }
    }
    this.#statuses?.directoryChanged(directory);
    this.streams.directoryChanged(directory);
    this.agents.sphereChanged(directory.sphereOf(this.#world.self));
    for (const group of this.#groups) {
      this.#statuses?.groupChanged(group.state.verdicts(), null, false);
      if (state.pendingIntents(group.replica.key.group).length > 0) group.wake();
    }
    this.#reports.wake(nowMs);
    this.#configureNetwork();
    this.#reception.introduceAll(nowMs);
  }

  #configureNetwork(): void {
    this.#hasOtherFellows = false;
    const memberships = [...this.#groups].map((group) => group.membership);
    const partners = this.#statuses?.partners ?? [];
    const { peers, topics } = networkNeeds(this.#world.self, this.database.state, { partners, memberships });
    this.#world.out.network(peers, topics);
  }

  #local(group: GroupId): LocalGroup | null {
    if (group !== clusterGroup) {
      const held = this.#groups.get(group);
      return held?.isOwner === true ? held : null;
    }
    return this.database.replica === null ? null : this.database;
  }

  #ownersOf(group: GroupId): readonly NodeId[] | null {
    const { state } = this.database;
    if (group === clusterGroup) return state.voters;
    const held = this.#groups.get(group)?.membership.owners ?? [];
    return held.length > 0 ? held : (state.directory.group(group)?.owners ?? null);
  }

  group(name: GroupId): ResourceGroup | null {
    return this.#groups.get(name);
  }

  stored(name: GroupId): ResourceGroup | null {
    return this.#groups.stored(name);
  }

  components(node?: NodeId): readonly StatusComponent[] {
    return this.#statuses?.components(node) ?? [];
  }

  #leased(): readonly LeasedGroup[] {
    return [...this.#groups].flatMap((group) => {
      if (!group.isOwner || !group.isLeased) return [];
      return [{ ...group.replica.key, renewIntervalMs: group.renewIntervalMs }];
    });
  }

  #capacityOf(node: NodeId): Amounts {
    return new Map(this.database.state.node(node)?.capacity ?? []);
  }

  /** What the node says of itself. */
  self(nowMs: Millis): NodeSelf {
    return {
      node: this.#world.self,
      boot: this.#world.boot,
      uptimeMs: nowMs - this.#startedMs,
      clusterIndex: this.database.index,
      quarantine: this.#quarantine.reason,
      connected: [...this.#world.connected].sort(),
      summaries: this.#statuses?.summaries() ?? [],
      statuses: this.#statuses?.components() ?? [],
      counters: this.#world.counters.entries(),
      diskFreeBytes: this.#world.diskSpace.freeBytes,
      writesRefused: this.#world.diskSpace.shortage,
    };
  }

  /** @throws {InvariantError} before `start` */
  get database(): ClusterDatabase {
    return present(this.#database, "the cluster database");
  }

  #groupListener(): GroupsOptions["listener"] {
    return {
      staleGroup: (peer) => this.database.log.hint(peer),
      touched: (group) => {
        this.#agenda.touch(group);
      },
      leaderChanged: (group, nowMs) => {
        this.#router.leaderChanged(group.replica.key.group, nowMs);
        this.#beats.wake(nowMs);
        this.#reports.wake(nowMs);
      },
      statusChanged: (group, nowMs) => {
        this.#statuses?.groupChanged(group.state.verdicts(), group.state.summary, group.isManaged);
        this.agents.news.heard(group.replica.key.group, group.state.ownership);
        this.#reports.wake(nowMs);
      },
      configured: ({ replica, state }) => this.agents.allocations.configured(replica.key.group, state.policies),
      summaryChanged: (group, before) => {
        this.#groups.summariesChanged();
        const news = { before: this.#neighbourhood.read(before), now: this.#neighbourhood.read(group.state.summary) };
        for (const other of this.#groups) if (other !== group) other.heardOf(news);
      },
      beatNow: (group) => {
        this.#turn.beat(group.replica);
      },
      leftOut: (group) => {
        this.#leaving.add(group);
      },
      inDoubt: (group, reason) => this.#loseReplica(group, reason),
      held: (nowMs) => {
        this.#hasOtherFellows = true;
        this.#reports.wake(nowMs);
      },
      reroute: (calls, nowMs) => this.#router.reroute(calls, nowMs),
      ask: (request, answer) => this.#desk.ask(request, limits.transactionAskMs, answer),
      proposalsWaiting: (group) => {
        this.#turn.propose(group);
      },
    };
  }

  #clusterListener(): ClusterListener {
    return {
      clusterChanged: (created) => {
        this.#created = [...(this.#created ?? []), ...created];
      },
      clusterLeaderChanged: (nowMs) => {
        this.#router.leaderChanged(clusterGroup, nowMs);
        this.#beats.wake(nowMs);
      },
      clusterBeatNow: () => {
        const { replica } = this.database;
        if (replica !== null) this.#turn.beat(replica);
      },
      verdictWanted: (node, nowMs) => this.#reports.answerOwnPoll(node, this.#groups, this.database, nowMs),
      reroute: (calls, nowMs) => this.#router.reroute(calls, nowMs),
    };
  }
}
