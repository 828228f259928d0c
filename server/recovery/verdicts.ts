// What a group's manager proposes to its group about the owners (D1; S1 Fig. 4, block 402 and, for a node that is back,
// 408 and 414). It only compares what is recorded with what is seen; the group's quorum decides by logging it.

import type { VerdictChange } from "../../proto/commands.ts";
import type { NodeId } from "../../proto/ids.ts";
import type { RecoveryStatus, StatusComponent } from "../../proto/model.ts";
import { reasonText } from "./reason.ts";
import type { Hearing } from "./silence.ts";

export interface VerdictView {
  readonly owners: readonly NodeId[];
  /** The manager. */
  readonly self: NodeId;
  /** The group's verdicts as they stand, of one group; other nodes' are passed over. */
  readonly verdicts: readonly StatusComponent[];
  /** `SilenceDetector.verdict` at this moment; never asked about `self`. */
  readonly heard: (node: NodeId) => Hearing;
  /** Why a node takes no part in its groups; empty: it is healthy. */
  readonly quarantined: (node: NodeId) => string;
  /** The silence that makes a node `down`, for the reason. */
  readonly downMs: number;
}

/**
 * The changes that are due, in owner list order; empty when the verdicts fit what is seen.
 *
 * | seen | recorded | proposed |
 * |---|---|---|
 * | quarantined | anything but `down`, `left` | `down` |
 * | quarantined | `down` for another reason | `down`, with the quarantine as the reason |
 * | heard | nothing, `joining`, `suspect`, `partial`, `down` | `up` |
 * | silent | `up`, `suspect`, `partial`, `draining`, `maintenance` | `down` |
 * | silent | nothing, `joining` | nothing: what never came up has not failed (A3), and is no candidate either |
 * | heard | `draining`, `maintenance` | nothing: it is up, and what operators want of it stands beside that (intents.ts) |
 * | any | `left` | nothing |
 * | suspect, unknown | any | nothing |
 *
 * The caller proposes nothing twice while an earlier proposal is under way.
 */
export function planVerdicts(view: VerdictView): VerdictChange[] {
  const recorded = new Map(view.verdicts.map((component) => [component.node, component]));
  return view.owners.flatMap((node) => {
    const change = changeFor(node, recorded.get(node) ?? { status: "joining", reason: "" }, view);
    return change === null ? [] : [change];
  });
}

const raisedByHearing: ReadonlySet<RecoveryStatus> = new Set(["joining", "suspect", "partial", "down"]);
const loweredBySilence: ReadonlySet<RecoveryStatus> = new Set(["up", "suspect", "partial", "draining", "maintenance"]);

type Recorded = Pick<StatusComponent, "status" | "reason">;

function changeFor(node: NodeId, { status: recorded, reason }: Recorded, view: VerdictView): VerdictChange | null {
  const quarantine = view.quarantined(node);
  if (quarantine !== "") {
    const quarantined = reasonText(`Quarantined: ${quarantine}`);
    const isLowered = recorded === "joining" || loweredBySilence.has(recorded);
    const isNews = isLowered || (recorded === "down" && reason !== quarantined);
    return isNews ? { node, status: "down", reason: quarantined } : null;
  }
  const seen = node === view.self ? "heard" : view.heard(node);
  if (seen === "heard" && raisedByHearing.has(recorded)) {
    return { node, status: "up", reason: raisedReason(node, recorded, view.self) };
  }
  if (seen === "silent" && loweredBySilence.has(recorded)) {
    return { node, status: "down", reason: `Not heard by ${view.self} for ${view.downMs} ms` };
  }
  return null;
}

function raisedReason(node: NodeId, recorded: RecoveryStatus, self: NodeId): string {
  if (node === self) return "Manages the group";
  return recorded === "joining" ? `Heard by ${self}` : `Heard again by ${self}`;
}
