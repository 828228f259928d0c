// The sessions of a client, one with each group that it writes to, opened when the first write comes: they give every write an
// identity, under which a repetition is harmless.

import { create } from "@bufbuild/protobuf";
import { uint64 } from "../proto/codec/integers.ts";
import { DbError } from "../proto/errors.ts";
import { type RequestId, RequestIdSchema } from "../proto/gen/bailiwick/v1/common_pb.ts";

interface Session {
  readonly name: string;
  sequence: number;
}

export interface SessionCalls {
  /** @returns the session's name, and its highest sequence */
  readonly open: (group: string) => Promise<{ readonly session: string; readonly sequence: number }>;
  readonly close: (group: string, session: string) => Promise<void>;
}

export class Sessions {
  readonly #calls: SessionCalls;
  /** Open, or being opened. */
  readonly #sessions = new Map<string, Session | Promise<Session>>();
  /** The cluster knows of none. */
  #isUnknown = false;

  constructor(calls: SessionCalls) {
    this.#calls = calls;
  }

  /** @returns an identity that no request has had; null: the cluster knows of none @throws {DbError} with nothing done */
  async next(group: string): Promise<RequestId | null> {
    if (this.#isUnknown) return null;
    const session = await this.#sessionOf(group);
    return session === null ? null : nextOf(session);
  }

  /** As {@link next}, without a wait. @returns null also when a session is still to be opened */
  nextAtOnce(group: string): RequestId | null {
    const session = this.#sessions.get(group);
    return session === undefined || session instanceof Promise ? null : nextOf(session);
  }

  /** It has expired: the next request opens another. */
  expired(group: string, name: string): void {
    const known = this.#sessions.get(group);
    if (known !== undefined && !(known instanceof Promise) && known.name === name) this.#sessions.delete(group);
  }

  /** What is not told in time expires by itself, and so does a session that is being opened: nobody knows how long that takes. */
  async close(): Promise<void> {
    const known = [...this.#sessions];
    this.#sessions.clear();
    const close = ([group, session]: (typeof known)[number]) =>
      session instanceof Promise ? null : this.#calls.close(group, session.name);
    await Promise.allSettled(known.map(close));
  }

  async #sessionOf(group: string): Promise<Session | null> {
    const opening = this.#sessions.get(group) ?? this.#open(group);
    this.#sessions.set(group, opening);
    try {
      const session = await opening;
      if (this.#sessions.get(group) === opening) this.#sessions.set(group, session);
      return session;
    } catch (reason) {
      if (this.#sessions.get(group) === opening) this.#sessions.delete(group);
      this.#isUnknown = reason instanceof DbError && reason.code === "unimplemented";
      if (this.#isUnknown) return null;
      // Nothing of the write has happened, whatever became of the session.
      throw reason instanceof DbError ? new DbError({ ...failureOf(reason), effect: "none" }, reason) : reason;
    }
  }

  async #open(group: string): Promise<Session> {
    const { session: name, sequence } = await this.#calls.open(group);
    return { name, sequence };
  }
}

function nextOf(session: Session): RequestId {
  session.sequence += 1;
  return create(RequestIdSchema, { session: session.name, sequence: uint64.toWire(session.sequence, "sequence") });
}

function failureOf({ code, message, details, effect }: DbError) {
  return { code, message, details, effect };
}
