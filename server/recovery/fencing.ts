// The fence of an owner that is lost, as the manager of the group orders it (D2): the agent of another owner runs a command that
// makes sure that the node can do no harm, and with its success the right of the present epoch is over.
//
// What an outcome proves is that nothing runs any more of what ran before the order. So from the order on the manager answers no
// renewal of that epoch, whatever becomes of the fence: nobody can have begun under it behind the fence's back. A manager that
// takes over may answer renewals again, and for that reason no outcome counts for it but that of an order of its own: an order
// bears incarnation, term, epoch and attempt.

import type { Epoch, Millis, NodeId } from "../../proto/ids.ts";
import { toMillis } from "../../proto/ids.ts";
import type { FenceOrder, FenceOutcome } from "../../proto/placement.ts";
import type { FencePolicy } from "../../proto/policies.ts";
import type { FenceView } from "./placement-view.ts";
import { reasonText } from "./reason.ts";

export interface FencingOptions {
  /** Of the group and the manager: no other one's orders begin with it. */
  readonly identity: string;
  /** After a failure, before the next attempt. */
  readonly pauseMs: number;
  /** For an order to reach its agent, and its outcome to come back. */
  readonly wayMs: number;
}

export interface Fence {
  /** Whose agent is to do it. */
  readonly by: NodeId;
  readonly node: NodeId;
  readonly epoch: Epoch;
}

type Progress =
  | { readonly type: "ordered"; readonly untilMs: Millis }
  | { readonly type: "failed"; readonly reason: string; readonly againMs: Millis }
  | { readonly type: "done" };

interface Attempt extends Fence {
  readonly order: FenceOrder;
  progress: Progress;
}

export class Fencing {
  readonly #options: FencingOptions;
  /** The latest. */
  #attempt: Attempt | null = null;
  #count = 0;

  constructor(options: FencingOptions) {
    this.#options = options;
  }

  /** Attempts under the epoch of the latest. */
  get count(): number {
    return this.#count;
  }

  begin({ by, node, epoch }: Fence, { command, timeoutMs }: FencePolicy, nowMs: Millis): void {
    this.#count = this.#attempt?.epoch === epoch ? this.#count + 1 : 1;
    const order = `${this.#options.identity}/${epoch}/${this.#count}`;
    const untilMs = toMillis(nowMs + timeoutMs + this.#options.wayMs);
    this.#attempt = {
      ...{ by, node, epoch },
      order: { order, node, epoch, command, timeoutMs },
      progress: { type: "ordered", untilMs },
    };
  }

  /** The right of this epoch is renewed for nobody any more. */
  isOrdered(epoch: Epoch): boolean {
    return this.#attempt?.epoch === epoch;
  }

  isDone(epoch: Epoch): boolean {
    return this.isOrdered(epoch) && this.#attempt?.progress.type === "done";
  }

  /** What the agent of this node is to do now. */
  orderFor(by: NodeId, epoch: Epoch): FenceOrder | null {
    const attempt = this.#attempt;
    return attempt?.by === by && attempt.epoch === epoch && attempt.progress.type === "ordered" ? attempt.order : null;
  }

  /** An agent has told of an outcome. One that comes late may still be good. @returns whether it was news */
  heard(by: NodeId, { order, exitStatus, reason }: FenceOutcome, nowMs: Millis): boolean {
    const attempt = this.#attempt;
    if (attempt?.by !== by || attempt.order.order !== order || attempt.progress.type === "done") return false;
    if (exitStatus === 0) attempt.progress = { type: "done" };
    else if (attempt.progress.type === "failed") return false;
    else this.#fail(attempt, reason === "" ? `exit status ${exitStatus}` : reason, nowMs);
    return true;
  }

  /** @param isThere whether the agent of a node is heard */
  expire(isThere: (node: NodeId) => boolean, nowMs: Millis): void {
    const attempt = this.#attempt;
    if (attempt?.progress.type !== "ordered") return;
    if (!isThere(attempt.by)) this.#fail(attempt, "Its agent is silent", nowMs);
    else if (nowMs >= attempt.progress.untilMs) this.#fail(attempt, "Its agent did not say what came of it", nowMs);
  }

  /** null: none was ordered under this epoch. */
  view(epoch: Epoch): FenceView | null {
    if (this.#attempt?.epoch !== epoch) return null;
    const { by, node, progress } = this.#attempt;
    return { by, node, ...progress };
  }

  #fail(attempt: Attempt, reason: string, nowMs: Millis): void {
    const againMs = toMillis(nowMs + this.#options.pauseMs);
    attempt.progress = { type: "failed", reason: reasonText(reason), againMs };
  }
}
