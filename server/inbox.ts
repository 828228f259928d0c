// Where the adapters of a process put their inputs: kept until there is a host, whose first input is `start`.

import type { Host } from "./node/host.ts";
import type { Input } from "./node/inputs.ts";
import { limits } from "./node/limits.ts";

export class Inbox {
  #early: Input[] = [];
  #host: Host | null = null;

  /** As `Host.deliver`. Without a host only so much is kept; what comes beyond it is lost, as on a network. */
  deliver(input: Input): void {
    if (this.#host !== null) this.#host.deliver(input);
    else if (this.#early.length < limits.turnInputsMax) this.#early.push(input);
  }

  /** Starts the node of `host`. */
  open(host: Host): void {
    this.#host = host;
    host.deliver({ type: "start" });
    for (const input of this.#early) host.deliver(input);
    this.#early = [];
  }
}
