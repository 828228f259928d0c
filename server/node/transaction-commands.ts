// The commands of a group's log about transactions: of the group alone, carried out at once; of several groups, first promised,
// then carried out or dropped as the group that coordinates has decided.

import type { GroupCommand } from "../../proto/commands.ts";
import { type Failure, failure } from "../../proto/errors.ts";
import { type Epoch, type GroupId, type LogIndex, type Revision, toRevision } from "../../proto/ids.ts";
import type { GroupKey } from "../../proto/model.ts";
import type {
  Decision,
  IntendOperation,
  Operation,
  OperationResult,
  Part,
  TransactionId,
  Vote,
} from "../../proto/transactions.ts";
import type { Mvcc } from "../../storage/mvcc/mvcc.ts";
import { intendedOf } from "../recovery/intents.ts";
import { doHold } from "../txn/comparisons.ts";
import { type Footprint, footprintOf } from "../txn/locks.ts";
import { resultsOf, writesOf } from "../txn/operations.ts";
import { PresentKeys } from "../txn/present-keys.ts";
import { refuseLargeAnswer } from "./answer-size.ts";
import type { GroupKeys } from "./group-keys.ts";
import { limits } from "./limits.ts";
import type { StateRows } from "./state-rows.ts";
import { TransactionState } from "./transaction-state.ts";

type Command<Type extends GroupCommand["type"]> = Extract<GroupCommand, { readonly type: Type }>;
export type TransactionCommand = Command<"transact" | "begin" | "prepare" | "decide" | "finish" | "forget">;

export type Answer =
  | {
      readonly type: "transacted";
      /** Whether all comparisons held. */
      readonly succeeded: boolean;
      readonly revision: Revision;
      readonly results: readonly OperationResult[];
    }
  | { readonly type: "refused"; readonly failure: Failure };

export type TransactionOutcome =
  | Answer
  /** Of several groups: it can be carried out here, either way. */
  | { readonly type: "prepared"; readonly id: TransactionId; readonly vote: Vote }
  /** It is over here. 0: it made no revision, or which is not known any more. */
  | { readonly type: "finished"; readonly id: TransactionId; readonly revision: Revision };

/** What the rest of the group's state says of a transaction. */
export interface TransactionRules {
  readonly key: () => GroupKey;
  /** Why nothing that a client asked for takes effect now; null: it does. */
  readonly lock: () => Failure | null;
  readonly fenced: (fence: Epoch | null) => Failure | null;
  /** Why the puts among these cannot attach their keys; null: they can. */
  readonly missingLease: (operations: readonly Operation[]) => Failure | null;
  /** Why what operators want among these cannot be carried out now; null: it can. */
  readonly refuseIntents: (operations: readonly Operation[]) => Failure | null;
  readonly intend: (operation: IntendOperation, index: LogIndex) => void;
}

const noRevision = toRevision(0);

export class TransactionCommands {
  readonly state: TransactionState;
  readonly #mvcc: Mvcc;
  readonly #keys: GroupKeys;
  readonly #rules: TransactionRules;

  constructor(keys: GroupKeys, rows: StateRows, rules: TransactionRules) {
    this.state = new TransactionState(rows);
    this.#mvcc = keys.mvcc;
    this.#keys = keys;
    this.#rules = rules;
  }

  apply(command: TransactionCommand, index: LogIndex): TransactionOutcome {
    switch (command.type) {
      case "transact":
        return this.#transact(command.part, index);
      case "begin":
        return this.#begin(command, index);
      case "prepare":
        return this.#prepare(command);
      case "decide":
        return this.#decide(command, index);
      case "finish":
        return this.#finish(command, index);
      case "forget":
        this.state.forget(command.id);
        return { type: "finished", id: command.id, revision: noRevision };
    }
  }

  /** What a transaction answers at this point of the group's history; what it writes is left out. */
  answer(part: Part): Answer {
    const fenced = this.#rules.fenced(part.fence);
    if (fenced !== null) return { type: "refused", failure: fenced };
    const keys = this.#look();
    const succeeded = doHold(part.comparisons, keys);
    const results = resultsOf(succeeded ? part.success : part.failure, keys);
    const tooMuch = keys.refusal(asked(part)) ?? refuseLargeAnswer(results, asked(part));
    if (tooMuch !== null) return { type: "refused", failure: tooMuch };
    return { type: "transacted", succeeded, revision: this.#mvcc.revision, results };
  }

  /** Why something with these keys gives way to a prepared transaction; null: it need not. */
  conflict(footprint: Footprint): Failure | null {
    const holder = this.state.conflict(footprint);
    if (holder === null) return null;
    const message = `A transaction that ${holder.id.group} coordinates holds keys that this one needs`;
    return failure("txn_conflict", message, { group: this.#rules.key().group });
  }

  #transact(part: Part, index: LogIndex): Answer {
    const refusal = this.#rules.lock() ?? this.conflict(footprintOf(part));
    if (refusal !== null) return { type: "refused", failure: refusal };
    const answer = this.answer(part);
    if (answer.type === "refused") return answer;
    const branch = answer.succeeded ? part.success : part.failure;
    const unfit = this.#rules.missingLease(branch) ?? this.#rules.refuseIntents(branch);
    if (unfit !== null) return { type: "refused", failure: unfit };
    return { ...answer, revision: this.#write(branch, index) };
  }

  /** The record of a transaction, and this group's own promise. */
  #begin({ groups, part }: Command<"begin">, index: LogIndex): TransactionOutcome {
    const { group, incarnation } = this.#rules.key();
    const id = { group, incarnation, index };
    const prepared = this.#promise(id, part);
    if (prepared.type === "prepared") this.state.begin({ id, groups, decision: null });
    return prepared;
  }

  #prepare({ id, part }: Command<"prepare">): TransactionOutcome {
    const known = this.state.find(id);
    if (known !== null) return this.#vote(id, known.part);
    if (this.state.isClosed(id)) return { type: "refused", failure: isOver(this.#rules.key().group, id) };
    return this.#promise(id, part);
  }

  /** From here on nothing changes that the part has to do with. */
  #promise(id: TransactionId, part: Part): TransactionOutcome {
    const refusal = this.#rules.lock() ?? this.#rules.fenced(part.fence) ?? this.conflict(footprintOf(part));
    // Of either branch: from here on these leases do not end either.
    const operations = [...part.success, ...part.failure];
    const unfit = refusal ?? this.#rules.missingLease(operations) ?? this.#rules.refuseIntents(operations);
    const reason = unfit ?? this.#noRoom();
    if (reason !== null) return { type: "refused", failure: reason };
    const outcome = this.#vote(id, part);
    if (outcome.type === "prepared") this.state.prepare({ id, part });
    return outcome;
  }

  #decide({ id, decision }: Command<"decide">, index: LogIndex): TransactionOutcome {
    const lock = this.#rules.lock();
    if (lock !== null) return { type: "refused", failure: lock };
    if (this.state.record(id)?.decision !== null) return { type: "finished", id, revision: noRevision };
    this.state.decide(id, decision);
    return { type: "finished", id, revision: this.#carryOut(id, decision, index) };
  }

  #finish({ id, decision, floor }: Command<"finish">, index: LogIndex): TransactionOutcome {
    const lock = this.#rules.lock();
    if (lock !== null) return { type: "refused", failure: lock };
    const before = this.state.revisionOf(id) ?? noRevision;
    const revision = this.state.find(id) === null ? before : this.#carryOut(id, decision, index);
    this.state.close(id, { revision, floor });
    return { type: "finished", id, revision };
  }

  /** @returns the revision that it made; 0: it was aborted */
  #carryOut(id: TransactionId, decision: Decision, index: LogIndex): Revision {
    const part = this.state.find(id)?.part;
    this.state.release(id);
    return part === undefined || decision === "aborted" ? noRevision : this.#write(part[decision], index);
  }

  #write(branch: Part["success"], index: LogIndex): Revision {
    for (const operation of intendedOf(branch)) this.#rules.intend(operation, index);
    return this.#keys.write(writesOf(branch)).revision;
  }

  #vote(id: TransactionId, part: Part): TransactionOutcome {
    const keys = this.#look();
    const holds = doHold(part.comparisons, keys);
    const vote = { holds, success: resultsOf(part.success, keys), failure: resultsOf(part.failure, keys) };
    const answered = [...vote.success, ...vote.failure];
    const tooMuch = keys.refusal(asked(part)) ?? refuseLargeAnswer(answered, asked(part));
    return tooMuch === null ? { type: "prepared", id, vote } : { type: "refused", failure: tooMuch };
  }

  #look(): PresentKeys {
    return new PresentKeys(this.#mvcc, { at: null, keysMax: limits.transactionKeysMax });
  }

  #noRoom(): Failure | null {
    if (!this.state.isFull) return null;
    const message = `The group takes part in ${limits.transactionsOpenMax} transactions over several groups, the limit`;
    return failure("overloaded", message, { group: this.#rules.key().group });
  }
}

function asked({ group }: Part) {
  return { group, field: "operations" } as const;
}

/** Whoever coordinates it has come to an end without this group. */
function isOver(group: GroupId, id: TransactionId): Failure {
  return failure("txn_conflict", `The transaction ${id.index} of ${id.group} is over for ${group}`, { group });
}
