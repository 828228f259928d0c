// What the clients did and what they were told, on the world's own clock. Checkers compare it with what the groups hold.

import type { GroupId, NodeId, Revision } from "../../../proto/ids.ts";
import type { Reply, Request } from "../../../proto/requests.ts";
import { textOf } from "../../../storage/bytes.ts";

/** `failed`: certainly without effect. `unknown`: nobody can tell. */
export type Outcome =
  | { readonly type: "ok"; readonly atMs: number; readonly reply: Reply }
  | { readonly type: "failed"; readonly atMs: number; readonly code: string }
  | { readonly type: "unknown"; readonly atMs: number; readonly code: string };

export interface Operation {
  readonly id: number;
  readonly client: number;
  readonly node: NodeId;
  readonly group: GroupId;
  readonly request: Request;
  readonly invokedMs: number;
  /** When the node must have answered. */
  readonly dueMs: number;
  /** null: still open */
  outcome: Outcome | null;
}

export class History {
  #operations: Operation[] = [];
  #begun = 0;
  /** Acknowledged ones that have been forgotten since. */
  #acknowledgedBefore = 0;

  /** Operations begun in all. */
  get begun(): number {
    return this.#begun;
  }

  get operations(): readonly Operation[] {
    return this.#operations;
  }

  /** Operations that ended well. */
  get acknowledged(): number {
    return this.#acknowledgedBefore + this.#operations.filter(isAcknowledged).length;
  }

  begin(operation: Omit<Operation, "id" | "outcome">): Operation {
    const begun: Operation = { ...operation, id: this.#begun++, outcome: null };
    this.#operations.push(begun);
    return begun;
  }

  /** Drops what has been compared. Writes of unknown outcome stay, for they may still come about. */
  forget(): void {
    this.#acknowledgedBefore += this.#operations.filter(isAcknowledged).length;
    this.#operations = this.#operations.filter(({ outcome }) => outcome === null || outcome.type === "unknown");
  }

  /** Takes the answer of a node to `operation`. */
  answered(operation: Operation, reply: Reply, atMs: number): void {
    if (reply.type !== "failed") operation.outcome = { type: "ok", atMs, reply };
    else if (reply.failure.effect === "unknown") this.unknown(operation, reply.failure.code, atMs);
    else operation.outcome = { type: "failed", atMs, code: reply.failure.code };
  }

  /** Whatever a read does not tell does no harm: only writes can be unknown. */
  unknown(operation: Operation, code: string, atMs: number): void {
    const isWrite = operation.request.type === "put" || operation.request.type === "delete";
    operation.outcome = { type: isWrite ? "unknown" : "failed", atMs, code };
  }
}

function isAcknowledged({ outcome }: Operation): boolean {
  return outcome?.type === "ok";
}

/** The revision at which an operation was answered; null when it was not, or its answer has none. */
export function answeredRevision(operation: Operation): Revision | null {
  const { outcome } = operation;
  return outcome?.type === "ok" && "header" in outcome.reply ? outcome.reply.header.revision : null;
}

/** Values are a name and padding of no interest, which a length stands for. */
export function nameOfValue(value: Uint8Array): string {
  const text = textOf(value);
  const end = text.indexOf(":");
  return end < 0 ? text : `${text.slice(0, end)}/${value.byteLength}`;
}
