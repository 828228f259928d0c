// Replicas compare their states by themselves, and a false alarm costs a replica or a group's writes. Unless a fault alters
// states unseen, which none does, every alarm is false: equal states at equal indexes are the log checker's to demand.

import type { NodeId } from "../../../proto/ids.ts";
import type { PeerMessage } from "../../../proto/messages.ts";
import type { NoteFields } from "../../node/effects.ts";
import { demand } from "../violation.ts";
import type { Observer } from "../world.ts";

const alarms: readonly string[] = ["Quarantined a replica", "A group is read-only"];

export class StateAlarms implements Observer {
  #answers = 0;

  /** State hashes that owners have told their managers. */
  get answers(): number {
    return this.#answers;
  }

  left(_from: NodeId, _to: string, message: PeerMessage): void {
    if (message.type === "stateAnswer") this.#answers += 1;
  }

  noted(node: NodeId, _level: "info" | "warn", text: string, { group, reason }: NoteFields): void {
    demand(!alarms.includes(text), "state alarm", () => `${node}, of ${group}: ${text}: ${reason}`);
  }
}
