// Who acts for each group, on the world's own clock (D2, D5): no two rights at once, no two applications at once, epochs that
// grow, nobody without an assignment in the group's log and a record in the ledger of its node, and no node with more than it can
// take or with groups that must not run side by side.
//
// A machine that stands still as a whole cannot stop what runs there: its application may overlap another one as long as it has
// not noticed. Nothing else is excused.

import { decodeAllocationRecord } from "../../../proto/codec/allocations.ts";
import { decodeGroupCommand } from "../../../proto/codec/commands.ts";
import type { Epoch, GroupId, NodeId } from "../../../proto/ids.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import type { Amounts, GroupPolicies } from "../../../proto/policies.ts";
import { isControl } from "../../../proto/raft.ts";
import { everyRange, parseKey } from "../../../storage/keys.ts";
import type { Operation } from "../../../storage/ordered-store.ts";
import type { Effect } from "../../node/effects.ts";
import { demand } from "../violation.ts";
import type { Application, Machine, MachineEvents } from "../workload/machine.ts";
import type { Observer, World } from "../world.ts";
import type { CommittedLogs } from "./committed-logs.ts";
import type { Renewal } from "./epoch-log.ts";
import { nameOf } from "./memberships.ts";

export interface OwnershipPlace {
  readonly world: World;
  readonly logs: CommittedLogs;
  readonly groups: readonly GroupId[];
  readonly policiesOf: (group: GroupId) => GroupPolicies;
  /** A dimension that is not in it is unlimited. */
  readonly capacityOf: (node: NodeId) => Amounts;
  readonly machineOf: (node: NodeId) => Machine;
}

interface Assignment {
  readonly owner: NodeId;
  readonly isMove: boolean;
  readonly isFenced: boolean;
}

/** What a group's log has assigned so far. */
interface Assigned {
  read: number;
  readonly byEpoch: Map<Epoch, Assignment>;
}

export interface OwnershipCounts {
  /** Rights that were assigned in the logs. */
  readonly grants: number;
  /** Of those, moves that nobody had asked for. */
  readonly failovers: number;
  readonly starts: number;
  /** Times that one who began to act was compared with all others who might. */
  readonly overlapsChecked: number;
  /** Overlaps with a machine that stood still as a whole. */
  readonly overlapsExcused: number;
  /** Reservations that a ledger has refused to a manager on another node. */
  readonly refusals: number;
  /** Rights that were assigned because the owner was fenced. */
  readonly fenced: number;
}

export class OwnershipChecker implements Pick<MachineEvents, "granted" | "renewed" | "began" | "ended"> {
  readonly renewals: Renewal[] = [];
  readonly #place: OwnershipPlace;
  readonly #running = new Map<GroupId, Set<Application>>();
  readonly #assigned = new Map<GroupId, Assigned>();
  readonly #newest = new Map<GroupId, { readonly epoch: Epoch; readonly node: NodeId }>();
  /** What the ledger of each node has on record, and all that it ever had. */
  readonly #ledgers = new Map<NodeId, Map<GroupId, Epoch>>();
  readonly #begun = new Set<string>();
  #starts = 0;
  #compared = 0;
  #excused = 0;
  #refusals = 0;

  constructor(place: OwnershipPlace) {
    this.#place = place;
  }

  get counts(): OwnershipCounts {
    const assignments = this.#place.groups.flatMap((group) => [...this.#assignments(group).values()]);
    return {
      grants: assignments.length,
      failovers: assignments.filter(({ isMove }) => isMove).length,
      starts: this.#starts,
      overlapsChecked: this.#compared,
      overlapsExcused: this.#excused,
      refusals: this.#refusals,
      fenced: assignments.filter(({ isFenced }) => isFenced).length,
    };
  }

  running(group: GroupId): readonly Application[] {
    return [...(this.#running.get(group) ?? [])];
  }

  runningOn(node: NodeId): readonly Application[] {
    return [...this.#running.values()].flatMap((all) => [...all].filter((application) => application.node === node));
  }

  /** What the world is to call. */
  get observer(): Observer {
    return {
      started: (node) => this.#readLedger(node),
      stepped: (node, _input, effects) => this.#stepped(node, effects),
      setAside: (node) => this.#ledgers.delete(node),
      left: (_from, _to, message) => {
        if (isRefusal(message)) this.#refusals += 1;
      },
    };
  }

  ended(application: Application): void {
    this.#running.get(application.group)?.delete(application);
  }

  renewed(renewal: Renewal): void {
    this.renewals.push(renewal);
  }

  granted(machine: Machine, group: GroupId, epoch: Epoch): void {
    const { world } = this.#place;
    for (const { node } of world.nodes) {
      const other = this.#place.machineOf(node);
      if (other === machine) continue;
      this.#compared += 1;
      demand(!other.holdsRight(group), "rights", () => {
        const held = other.rights.get(group);
        const leftMs = ((held?.endsMs ?? 0) - other.nowMs).toFixed(3);
        return `${machine.node} may act for ${group} under epoch ${epoch}, and ${node} under ${held?.epoch} for ${leftMs} ms`;
      });
    }
    const assignment = this.#assignments(group).get(epoch);
    demand(assignment?.owner === machine.node, "grants", () => {
      return `${machine.node} was granted epoch ${epoch} of ${group}, which the log gives to ${assignment?.owner}`;
    });
    demand(this.#begun.has(`${machine.node} ${group} ${epoch}`), "ledger", () => {
      return `${machine.node} was granted epoch ${epoch} of ${group}, of which its ledger has no record`;
    });
  }

  began(application: Application): void {
    const { group, epoch, node } = application;
    this.#starts += 1;
    const newest = this.#newest.get(group);
    // An agent that comes back goes on under the right that it has, also when the guard has stopped everything meanwhile.
    const isNext = newest === undefined || epoch > newest.epoch || (epoch === newest.epoch && node === newest.node);
    demand(isNext, "epochs", () => {
      return `${group} starts on ${node} under epoch ${epoch} after ${newest?.node} under ${newest?.epoch}`;
    });
    this.#newest.set(group, { epoch, node });
    for (const other of this.running(group)) this.#checkOverlap(application, other);
    this.#checkNeighbours(application);
    this.#checkCapacity(application);
    const running = this.#running.get(group) ?? new Set();
    this.#running.set(group, running.add(application));
  }

  #stepped(node: NodeId, effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type === "write") for (const operation of effect.batch.operations) this.#written(node, operation);
    }
  }

  #checkOverlap(application: Application, other: Application): void {
    const { group, node, epoch } = application;
    this.#compared += 1;
    const isExcused = this.#isExcused(other);
    if (isExcused) this.#excused += 1;
    demand(isExcused, "overlap", () => {
      return `${group} starts on ${node} under epoch ${epoch}, and runs on ${other.node} under ${other.epoch}`;
    });
  }

  /** Its right is over, and its machine, which stands still as a whole, has not noticed. */
  #isExcused({ node, endsMs }: Application): boolean {
    const machine = this.#place.machineOf(node);
    return machine.isFrozen && machine.nowMs >= endsMs;
  }

  #checkNeighbours({ group, node }: Application): void {
    const { policiesOf } = this.#place;
    const strangers = policiesOf(group).differentNode;
    for (const other of this.#others(group, node)) {
      const isStranger = strangers.includes(other.group) || policiesOf(other.group).differentNode.includes(group);
      demand(!isStranger, "different node", () => `${group} starts on ${node}, where ${other.group} runs`);
    }
  }

  #checkCapacity({ group, node }: Application): void {
    const { policiesOf, capacityOf } = this.#place;
    const running = [group, ...this.#others(group, node).map((other) => other.group)];
    for (const [dimension, amount] of capacityOf(node)) {
      const used = running.reduce((sum, each) => sum + (policiesOf(each).demand.get(dimension) ?? 0), 0);
      demand(used <= amount, "capacity", () => `${running} use ${used} ${dimension} of ${node}, which has ${amount}`);
    }
  }

  #others(group: GroupId, node: NodeId): readonly Application[] {
    return this.runningOn(node).filter((other) => other.group !== group);
  }

  #assignments(group: GroupId): ReadonlyMap<Epoch, Assignment> {
    const assigned = this.#assigned.get(group) ?? { read: 0, byEpoch: new Map<Epoch, Assignment>() };
    this.#assigned.set(group, assigned);
    const entries = this.#place.logs.all(nameOf(group));
    for (; assigned.read < entries.length; assigned.read++) {
      const bytes = entries[assigned.read]?.bytes;
      if (bytes === undefined || bytes.length === 0 || isControl(bytes)) continue;
      const command = decodeGroupCommand(bytes);
      if (command.type !== "assign" || assigned.byEpoch.has(command.epoch)) continue;
      const { owner, isMove, epoch, reason } = command;
      const isFenced = reason.includes(", fenced by ");
      // Of two proposals of one epoch the first wins.
      if (epoch === assigned.byEpoch.size + 1) assigned.byEpoch.set(epoch, { owner, isMove, isFenced });
    }
    return assigned.byEpoch;
  }

  #readLedger(node: NodeId): void {
    const page = { rowsMax: Number.MAX_SAFE_INTEGER, bytesMax: Number.MAX_SAFE_INTEGER };
    this.#ledgers.set(node, new Map());
    for (const { key, value } of this.#place.world.node(node).disk.durablePage(everyRange(), page).rows) {
      this.#written(node, { type: "put", key, value });
    }
  }

  #written(node: NodeId, operation: Operation): void {
    const key = parseKey(operation.key);
    if (key.type !== "allocation") return;
    const ledger = this.#ledgers.get(node) ?? new Map<GroupId, Epoch>();
    this.#ledgers.set(node, ledger);
    if (operation.type === "delete") ledger.delete(key.group);
    else {
      const { epoch, sameNode } = decodeAllocationRecord(operation.value).reservation;
      this.#begins(node, key.group, epoch, sameNode);
      ledger.set(key.group, epoch);
    }
  }

  /** A group that must run beside another one begins only where that one is: there by the ledger, or at least nowhere else. */
  #begins(node: NodeId, group: GroupId, epoch: Epoch, sameNode: readonly GroupId[]): void {
    const isNew = !this.#begun.has(`${node} ${group} ${epoch}`);
    this.#begun.add(`${node} ${group} ${epoch}`);
    if (!isNew) return;
    const ledger = this.#ledgers.get(node);
    for (const other of sameNode) {
      const isHere = ledger?.has(other) === true || this.running(other).some((each) => each.node === node);
      const elsewhere = this.running(other).find((each) => each.node !== node && !this.#isExcused(each));
      demand(isHere || elsewhere === undefined, "same node", () => {
        return `${group} begins on ${node} under epoch ${epoch}, and ${other} runs on ${elsewhere?.node}`;
      });
    }
  }
}

function isRefusal(message: PeerMessage): boolean {
  return message.type === "forwardReply" && message.reply.type === "reserve" && !message.reply.isAdmitted;
}
