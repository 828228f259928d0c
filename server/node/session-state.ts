// What a group holds of sessions: which there are, and what it has answered their requests. A part of the group's replicated
// state: all of it is in rows, and what is forgotten is forgotten by rules that depend on nothing else.

import {
  decodeRememberedAnswer,
  decodeSessionRecord,
  encodeRememberedAnswer,
  encodeSessionRecord,
} from "../../proto/codec/records.ts";
import type { LogIndex, NodeId } from "../../proto/ids.ts";
import type { StateRow } from "../../proto/messages.ts";
import type { RememberedAnswer, RememberedOutcome, RequestIdentity, SessionRecord } from "../../proto/sessions.ts";
import type { TransactionId } from "../../proto/transactions.ts";
import { bytesOf } from "../../storage/bytes.ts";
import { answerKey, type StateTable } from "../../storage/keys.ts";
import { limits } from "./limits.ts";
import type { StateRows } from "./state-rows.ts";
import { nameOf } from "./transaction-state.ts";

interface Session {
  record: SessionRecord;
  readonly answers: Map<number, RememberedAnswer>;
  /** Sequence that was seen; 0: none. */
  highest: number;
}

/** Answers that are remembered: of one session, and of all. */
type Bounds = Readonly<Record<"sessionAnswersMax" | "groupAnswersMax", number>>;

export class SessionState {
  readonly #rows: StateRows;
  readonly #bounds: Bounds;
  readonly #sessions = new Map<string, Session>();
  /** All answers, the oldest first, by the entry that each came with. */
  readonly #order = new Map<LogIndex, RequestIdentity>();
  /** Answers that are still to come, by the transactions that bring them. */
  readonly #begun = new Map<string, RequestIdentity>();
  /** Answers that are still to come, when the group has the owners that each wants. */
  readonly #wanted = new Set<RememberedAnswer>();
  #restoring: RememberedAnswer[] = [];

  constructor(rows: StateRows, bounds: Bounds = limits) {
    this.#rows = rows;
    this.#bounds = bounds;
  }

  get count(): number {
    return this.#sessions.size;
  }

  has(session: string): boolean {
    return this.#sessions.has(session);
  }

  get records(): readonly SessionRecord[] {
    return [...this.#sessions.values()].map(({ record }) => record);
  }

  /** Highest sequence that was seen; 0: none. */
  sequence(session: string): number {
    const known = this.#sessions.get(session);
    return known === undefined ? 0 : Math.max(known.highest, known.record.floor);
  }

  /** Sequences up to here are too old to be told apart. */
  floor(session: string): number {
    const floor = this.#sessions.get(session)?.record.floor ?? 0;
    return Math.max(floor, this.sequence(session) - this.#bounds.sessionAnswersMax);
  }

  find({ session, sequence }: RequestIdentity): RememberedAnswer | null {
    return this.#sessions.get(session)?.answers.get(sequence) ?? null;
  }

  open(session: string, ttlMs: number): void {
    const floor = this.#sessions.get(session)?.record.floor ?? 0;
    this.#setRecord({ session, ttlMs, floor });
  }

  close(session: string): void {
    const known = this.#sessions.get(session);
    if (known === undefined) return;
    for (const sequence of [...known.answers.keys()]) this.#drop(known, sequence);
    this.#sessions.delete(session);
    this.#rows.delete("sessions", bytesOf(session));
  }

  /** Of a session that there is, and a sequence that was not seen. */
  remember(answer: RememberedAnswer): void {
    const { session } = answer.identity;
    const [floor, highest] = [this.floor(session), this.sequence(session)];
    this.#set(answer);
    this.#dropUpTo(session, floor, Math.min(this.floor(session), highest));
    if (this.#order.size > this.#bounds.groupAnswersMax) this.#dropOldest();
  }

  /** A transaction over several groups is decided: whoever repeats its request is told so from now on. */
  conclude(id: TransactionId, outcome: RememberedOutcome): void {
    const identity = this.#begun.get(nameOf(id));
    const answer = identity === undefined ? null : this.find(identity);
    if (answer !== null) this.#set({ ...answer, outcome });
  }

  /** The group has these owners, by the entry at `index`: whoever repeats that it wants them is told so from now on. */
  settleOwners(owners: readonly NodeId[], index: LogIndex): void {
    for (const answer of [...this.#wanted]) {
      const { outcome } = answer;
      const isSo = outcome.type === "ownersWanted" && outcome.owners.join() === owners.join();
      if (isSo) this.#set({ ...answer, outcome: { type: "ownersSet", index } });
    }
  }

  /** Takes in a row that is on disk already. @throws {CodecError} when it is damaged */
  restore(table: StateTable, { value }: Pick<StateRow, "value">): void {
    if (table === "sessions") this.#take(decodeSessionRecord(value));
    else if (table === "answers") this.#restoring.push(decodeRememberedAnswer(value));
  }

  /** All rows have been taken in. */
  restored(): void {
    for (const answer of inOrder(this.#restoring)) this.#hold(answer);
    this.#restoring = [];
  }

  /** Goes on with all that another state holds: in another incarnation, with rows of its own. */
  takeOver(old: SessionState): void {
    for (const record of old.records) this.#setRecord(record);
    const answers = [...old.#sessions.values()].flatMap((session) => [...session.answers.values()]);
    for (const answer of inOrder(answers)) this.#set(answer);
  }

  #setRecord(record: SessionRecord): void {
    this.#take(record);
    this.#rows.set("sessions", bytesOf(record.session), encodeSessionRecord(record));
  }

  #take(record: SessionRecord): void {
    const known = this.#sessions.get(record.session);
    if (known === undefined) this.#sessions.set(record.session, { record, answers: new Map(), highest: 0 });
    else known.record = record;
  }

  #set(answer: RememberedAnswer): void {
    this.#hold(answer);
    const { session, sequence } = answer.identity;
    this.#rows.set("answers", answerKey(session, sequence), encodeRememberedAnswer(answer));
  }

  #hold(answer: RememberedAnswer): void {
    const { identity, index, outcome } = answer;
    const session = this.#sessions.get(identity.session);
    if (session === undefined) return;
    this.#release(session.answers.get(identity.sequence));
    session.answers.set(identity.sequence, answer);
    session.highest = Math.max(session.highest, identity.sequence);
    this.#order.set(index, identity);
    if (outcome.type === "begun") this.#begun.set(nameOf(outcome.id), identity);
    if (outcome.type === "ownersWanted") this.#wanted.add(answer);
  }

  #release(answer: RememberedAnswer | undefined): void {
    if (answer?.outcome.type === "begun") this.#begun.delete(nameOf(answer.outcome.id));
    if (answer !== undefined) this.#wanted.delete(answer);
  }

  #dropUpTo(session: string, from: number, to: number): void {
    const known = this.#sessions.get(session);
    if (known !== undefined) for (let sequence = from + 1; sequence <= to; sequence++) this.#drop(known, sequence);
  }

  #drop(session: Session, sequence: number): void {
    const answer = session.answers.get(sequence);
    if (answer === undefined) return;
    this.#release(answer);
    session.answers.delete(sequence);
    this.#order.delete(answer.index);
    this.#rows.delete("answers", answerKey(session.record.session, sequence));
  }

  #dropOldest(): void {
    const [oldest] = this.#order.values();
    const known = oldest === undefined ? undefined : this.#sessions.get(oldest.session);
    if (oldest === undefined || known === undefined) return;
    const { session, sequence } = oldest;
    const floor = this.floor(session);
    this.#setRecord({ ...known.record, floor: sequence });
    this.#dropUpTo(session, floor, sequence);
  }
}

function inOrder(answers: readonly RememberedAnswer[]): readonly RememberedAnswer[] {
  return answers.toSorted((left, right) => left.index - right.index);
}
