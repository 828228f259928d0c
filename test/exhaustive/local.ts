// What one member is at some moment, known by a number: the same number, the same behaviour from here on. Real members
// stand behind them; whatever one of them does on an input is found out once and looked up from then on.

import { strict as assert } from "node:assert";
import type { NodeId } from "../../proto/ids.ts";
import type { Membership } from "../../proto/membership.ts";
import type { Entry } from "../../proto/raft.ts";
import type { Role } from "../../server/raft/types.ts";
import type { DiskMember, Packet } from "../unit/raft/disk-member.ts";
import { textOfFields } from "./fields.ts";
import { Numbers } from "./numbers.ts";

/** A member after a step, with what it sent; a text: the invariant that the step broke. */
export type Step = { readonly next: Local; readonly peak: Peak; readonly sent: readonly number[] } | string;

/** What a member was at the end of a step, before it crashed. */
export type Peak = Pick<Local, "role" | "term" | "commit"> & { readonly commits: readonly Commit[] };

/** One advance of the commit index, and the membership that was in force when it happened. */
export interface Commit {
  readonly commit: number;
  readonly membership: Membership;
}

export interface Local {
  readonly number: number;
  /** Never stepped itself: a copy is. */
  readonly member: DiskMember;
  readonly node: NodeId;
  readonly role: Role;
  readonly term: number;
  readonly commit: number;
  readonly membership: Membership;
  readonly terms: readonly number[];
  /** By position in the log: the number of the entry together with all before it. */
  readonly prefixes: readonly number[];
  /** By number of the input. */
  readonly steps: Map<number, Step | null>;
}

export class Locals {
  readonly packets = new Numbers<Packet>();
  readonly #prefixes = new Numbers<string>();
  readonly #locals = new Numbers<Local>();

  get size(): number {
    return this.#locals.size;
  }

  at(number: number): Local {
    return this.#locals.at(number);
  }

  /** Takes the member over. */
  of(member: DiskMember): Local {
    assert.equal(member.pendingWrites + member.outbox.length, 0, `${member.id} has something left to do`);
    const number = this.#locals.numberOf(textOfFields(member), (fresh) => this.#describe(fresh, member));
    return this.#locals.at(number);
  }

  #describe(number: number, member: DiskMember): Local {
    const { role, term, commit, membership } = member.running.status();
    const { entries } = member.log;
    const ends = { terms: entries.map((entry) => entry.term), prefixes: this.#prefixesOf(entries) };
    return { number, member, node: member.id, role, term, commit, membership, ...ends, steps: new Map() };
  }

  #prefixesOf(entries: readonly Entry[]): number[] {
    let before = -1;
    return entries.map(({ term, payload }) => {
      const text = `${before} ${term} ${Buffer.from(payload).toString("hex")}`;
      before = this.#prefixes.numberOf(text, () => text);
      return before;
    });
  }
}
