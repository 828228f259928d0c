// Finds sessions that nobody uses any more, as the leader of a group sees it, by its own clock. A new leader counts anew, and so
// does one that was paused: a session is never forgotten early. What the log then says is expired is expired for everybody.

import type { GroupCommand } from "../../proto/commands.ts";
import { type Millis, toMillis } from "../../proto/ids.ts";
import type { SessionRecord } from "../../proto/sessions.ts";
import type { GroupReplica } from "./group-replies.ts";
import { limits } from "./limits.ts";

export class SessionKeeper {
  readonly #replica: GroupReplica;
  readonly #propose: (command: GroupCommand) => void;
  /** When each was heard of last; one that is missing is new here. */
  readonly #heard = new Map<string, Millis>();
  #isLeading = false;
  #checkMs: Millis | null = null;

  constructor(replica: GroupReplica, propose: (command: GroupCommand) => void) {
    this.#replica = replica;
    this.#propose = propose;
  }

  lead(nowMs: Millis): void {
    this.#isLeading = true;
    this.#checkMs = nowMs;
  }

  resign(): void {
    this.#isLeading = false;
    this.#heard.clear();
    this.#checkMs = null;
  }

  /** A request has come under it. */
  heard(session: string, nowMs: Millis): void {
    if (this.#heard.has(session)) this.#heard.set(session, nowMs);
  }

  /** Looks at them from time to time. */
  drive(nowMs: Millis): void {
    const { sessions, lock } = this.#replica.state;
    if (!this.#isLeading) return;
    if (sessions.count === 0 || lock !== null) return this.#rest();
    const dueMs = this.#checkMs ?? nowMs;
    if (nowMs < dueMs) return;
    // Whoever was not looking for so long may have requests that it has not read yet.
    if (nowMs > dueMs + limits.sessionCheckMs) this.#heard.clear();
    this.#checkMs = toMillis(nowMs + limits.sessionCheckMs);
    this.#look(nowMs);
  }

  deadlineMs(): Millis | null {
    return this.#checkMs;
  }

  #rest(): void {
    this.#heard.clear();
    this.#checkMs = null;
  }

  #look(nowMs: Millis): void {
    const { sessions } = this.#replica.state;
    for (const session of this.#heard.keys()) if (!sessions.has(session)) this.#heard.delete(session);
    const idle = sessions.records.filter((record) => this.#isIdle(record, nowMs)).slice(0, limits.sessionsExpiredMax);
    const expired = idle.map(({ session }) => ({ session, sequence: sessions.sequence(session) }));
    if (expired.length > 0) this.#propose({ type: "expireSessions", sessions: expired });
  }

  #isIdle({ session, ttlMs }: SessionRecord, nowMs: Millis): boolean {
    const heardMs = this.#heard.get(session);
    if (heardMs === undefined) this.#heard.set(session, nowMs);
    return heardMs !== undefined && nowMs >= heardMs + ttlMs;
  }
}
