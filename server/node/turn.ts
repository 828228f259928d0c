// What waits for the end of a turn, so that one message serves all that came in it: proposals, and beats that confirm reads.
// Work that is left over has a later turn: what this one writes and sends does not wait for it.

import type { Millis } from "../../proto/ids.ts";
import type { Outbox } from "./outbox.ts";
import type { LedGroup } from "./party.ts";
import type { ResourceGroup } from "./resource-group.ts";

export class Turn {
  readonly #out: Outbox;
  readonly #proposing = new Set<ResourceGroup>();
  readonly #beating = new Set<LedGroup>();
  #isEndAsked = false;
  #isRestAsked = false;

  constructor(out: Outbox) {
    this.#out = out;
  }

  propose(group: ResourceGroup): void {
    this.#proposing.add(group);
  }

  /** The group's members are to hear of their leader: many reads share one round. */
  beat(group: LedGroup): void {
    this.#beating.add(group);
  }

  /** This node takes part in no group any more. */
  forget(): void {
    this.#proposing.clear();
    this.#beating.clear();
  }

  /** After every step. `isLeft`: some part has more work than one step may take, or can be done later. */
  settle(isLeft: boolean): void {
    if (!this.#isEndAsked && (this.#proposing.size > 0 || this.#beating.size > 0)) {
      this.#isEndAsked = true;
      this.#out.continueWith("turnEnd");
    }
    if (!this.#isRestAsked && isLeft) {
      this.#isRestAsked = true;
      this.#out.continueWith("rest");
    }
  }

  /** What is left over is done now. */
  restBegins(): void {
    this.#isRestAsked = false;
  }

  /** @returns the groups that are to beat now */
  end(nowMs: Millis): readonly LedGroup[] {
    this.#isEndAsked = false;
    const proposing = [...this.#proposing];
    this.#proposing.clear();
    for (const group of proposing) group.propose(nowMs);
    const beating = [...this.#beating];
    this.#beating.clear();
    return beating;
  }
}
