// Programs by what they act on. While one is there that SIGKILL does not end, none is begun in its place: what it waits for, a
// device or a server, may still come back and let it finish.

import type { Command } from "./actions.ts";
import { type Execution, execute } from "./executor.ts";
import type { ActionOutcome } from "./run-spec.ts";

export class Programs {
  readonly #running = new Map<string, Execution>();
  /** Also those in whose place another was begun. */
  readonly #all = new Set<Execution>();

  /** @param on what it acts on; one at a time, unless they do no harm to each other */
  async execute(on: string, command: Command, stderrFile: string): Promise<ActionOutcome> {
    if (this.isLeft(on)) return notBegun;
    const running = execute(command, stderrFile);
    this.#running.set(on, running);
    this.#all.add(running);
    const outcome = await running.ended;
    this.#all.delete(running);
    if (!running.isLeft() && this.#running.get(on) === running) this.#running.delete(on);
    return outcome;
  }

  /** One was killed, told as ended, and is still there. */
  isLeft(on: string): boolean {
    return this.#running.get(on)?.isLeft() === true;
  }

  kill(on: string): void {
    this.#running.get(on)?.signal("SIGKILL");
  }

  killAll(): void {
    for (const running of this.#all) running.signal("SIGKILL");
  }
}

const notBegun: ActionOutcome = {
  exitStatus: 1,
  isExecuted: false,
  isLate: false,
  why: "The program before it was killed, and has not ended",
  tookMs: 0,
};
