// The commands of a group's log about sessions, and those that carry the identity of a client's request: carried out once, and
// from then on answered from memory.

import { unreachable } from "../../proto/assert.ts";
import type { GroupCommand, IdentifiableCommand } from "../../proto/commands.ts";
import { type Failure, failure } from "../../proto/errors.ts";
import type { LogIndex, NodeId, Revision } from "../../proto/ids.ts";
import type { GroupKey, KeyValue } from "../../proto/model.ts";
import type { EntryId } from "../../proto/raft.ts";
import type { RememberedAnswer, RememberedOutcome, RequestIdentity } from "../../proto/sessions.ts";
import type { Decision, TransactionId } from "../../proto/transactions.ts";
import type { Mvcc } from "../../storage/mvcc/mvcc.ts";
import type { LeaseOutcome } from "./lease-commands.ts";
import { limits } from "./limits.ts";
import { SessionState } from "./session-state.ts";
import type { StateRows } from "./state-rows.ts";
import type { TransactionOutcome } from "./transaction-commands.ts";

type Command<Type extends GroupCommand["type"]> = Extract<GroupCommand, { readonly type: Type }>;
type SessionCommand = Command<"identified" | "openSession" | "closeSession" | "expireSessions">;

/** Of a command that is carried out now. */
export type PlainOutcome =
  | { readonly type: "decided" }
  | { readonly type: "written"; readonly revision: Revision; readonly replaced: readonly KeyValue[] }
  /** Its leader brings it about. */
  | { readonly type: "ownersWanted"; readonly owners: readonly NodeId[] }
  /** They are so already. */
  | { readonly type: "ownersSet"; readonly index: LogIndex }
  | TransactionOutcome
  | LeaseOutcome;

type Refused = { readonly type: "refused"; readonly failure: Failure };

export type SessionOutcome =
  /** Seen before: nothing was done now. */
  | { readonly type: "recalled"; readonly answer: RememberedAnswer }
  | { readonly type: "sessionOpened"; readonly session: string; readonly ttlMs: number; readonly sequence: number }
  | { readonly type: "sessionClosed" }
  | Refused;

export interface SessionRules {
  readonly key: () => GroupKey;
  /** Why nothing that a client asked for takes effect now; null: it does. */
  readonly lock: () => Failure | null;
  readonly carryOut: (command: IdentifiableCommand, at: EntryId) => PlainOutcome;
}

export class SessionCommands {
  readonly state: SessionState;
  readonly #mvcc: Mvcc;
  readonly #rules: SessionRules;

  constructor(mvcc: Mvcc, rows: StateRows, rules: SessionRules) {
    this.state = new SessionState(rows);
    this.#mvcc = mvcc;
    this.#rules = rules;
  }

  apply(command: SessionCommand, at: EntryId): PlainOutcome | SessionOutcome {
    switch (command.type) {
      case "identified":
        return this.recall(command.identity, command.digest) ?? this.#once(command, at);
      case "openSession":
        return this.#open(command);
      case "closeSession":
        return this.#close(command.session);
      case "expireSessions":
        for (const { session, sequence } of command.sessions) this.#expire(session, sequence);
        return { type: "sessionClosed" };
    }
  }

  /** What is answered without anything being done; null: the request is new, and may be carried out. */
  recall(identity: RequestIdentity, digest: string): SessionOutcome | null {
    if (!this.state.has(identity.session)) return this.#refused(this.#unknown(identity.session));
    const answer = this.state.find(identity);
    if (answer === null) return this.#tooOld(identity);
    return answer.digest === digest ? { type: "recalled", answer } : this.#refused(this.#another(identity));
  }

  /** @param act decides a transaction that this group coordinates */
  concluding<Outcome extends PlainOutcome>(
    { id, decision }: { readonly id: TransactionId; readonly decision: Decision },
    act: () => Outcome,
  ): Outcome {
    const before = this.#mvcc.revision;
    const outcome = act();
    if (outcome.type !== "finished") return outcome;
    const { revision } = this.#mvcc;
    this.state.conclude(id, { type: "concluded", id, decision, revision, isMade: revision > before });
    return outcome;
  }

  #once({ identity, digest, command }: Command<"identified">, at: EntryId): PlainOutcome {
    const before = this.#mvcc.revision;
    const outcome = this.#rules.carryOut(command, at);
    const remembered = toRemembered(outcome, this.#mvcc.revision > before);
    const { incarnation } = this.#rules.key();
    this.state.remember({ identity, digest, incarnation, index: at.index, outcome: remembered });
    return outcome;
  }

  #open({ session, ttlMs }: Command<"openSession">): SessionOutcome {
    const refusal = this.#rules.lock() ?? (this.state.has(session) ? null : this.#noRoom());
    if (refusal !== null) return this.#refused(refusal);
    this.state.open(session, ttlMs);
    return { type: "sessionOpened", session, ttlMs, sequence: this.state.sequence(session) };
  }

  #close(session: string): SessionOutcome {
    const lock = this.#rules.lock();
    if (lock !== null) return this.#refused(lock);
    this.state.close(session);
    return { type: "sessionClosed" };
  }

  #expire(session: string, sequence: number): void {
    if (this.#rules.lock() === null && this.state.sequence(session) === sequence) this.state.close(session);
  }

  #refused(reason: Failure): Refused {
    return { type: "refused", failure: reason };
  }

  /** A sequence that may have been carried out, for all that is known. */
  #tooOld({ session, sequence }: RequestIdentity): Refused | null {
    if (sequence > this.state.floor(session)) return null;
    const message =
      `Sequence ${sequence} of session ${session} is too old to tell: the highest is ${this.state.sequence(session)}, ` +
      `and answers up to ${this.state.floor(session)} are forgotten; nothing was done now`;
    return this.#refused(this.#failure("outcome_unknown", message, "request_id.sequence"));
  }

  #unknown(session: string): Failure {
    const { group } = this.#rules.key();
    const message = `The group ${group} knows no session ${session}: it was closed or has expired; nothing was done`;
    return this.#failure("not_found", message, "request_id.session");
  }

  #another({ session, sequence }: RequestIdentity): Failure {
    const message = `Sequence ${sequence} of session ${session} was another request; nothing was done`;
    return this.#failure("invalid_argument", message, "request_id.sequence");
  }

  #noRoom(): Failure | null {
    if (this.state.count < limits.sessionsMax) return null;
    const { group } = this.#rules.key();
    return failure("overloaded", `The group has ${this.state.count} sessions, limit ${limits.sessionsMax}`, { group });
  }

  #failure(code: "outcome_unknown" | "not_found" | "invalid_argument", message: string, field: string): Failure {
    return failure(code, message, { group: this.#rules.key().group, field });
  }
}

function toRemembered(outcome: PlainOutcome, isMade: boolean): RememberedOutcome {
  switch (outcome.type) {
    case "refused":
      return { type: "refused", failure: clipped(outcome.failure) };
    case "decided":
    case "ownersWanted":
    case "ownersSet":
      return outcome;
    case "written":
      return { type: "written", revision: outcome.revision, replaced: outcome.replaced.length };
    case "transacted":
      return { type: "transacted", succeeded: outcome.succeeded, revision: outcome.revision, isMade };
    case "prepared":
      return { type: "begun", id: outcome.id };
    case "leaseGranted":
      return { type: "leaseGranted", id: outcome.lease.id, ttlMs: outcome.lease.ttlMs };
    case "leaseRevoked":
      return { type: "leaseRevoked", revision: outcome.revision, deleted: outcome.deleted };
    default:
      return unreachable(outcome as never);
  }
}

function clipped(reason: Failure): Failure {
  return { ...reason, message: reason.message.slice(0, limits.refusalCharsMax).toWellFormed() };
}
