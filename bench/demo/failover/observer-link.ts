// The demo's end of the observer: collects what it saw, and asks it.

import { type ChildProcess, spawn } from "node:child_process";
import type { Sample } from "./gaps.ts";
import type { FromObserver, GroupView, ObserverOptions, ToObserver } from "./observer-messages.ts";
import type { CommandLine } from "./world.ts";

const patienceMs = 8_000;

type Question = { readonly type: "look" } | { readonly type: "move"; readonly to: string };
type Waiting = (answer: Extract<FromObserver, { type: "answer" }>) => void;

export class ObserverLink {
  readonly samples: Sample[] = [];
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;

  /**
   * @param main the demo's own program
   * @param place puts a command where the client is
   */
  constructor(main: string, options: ObserverOptions, place: (command: CommandLine) => CommandLine) {
    const [file, ...args] = place([process.execPath, main, "observer", JSON.stringify(options)]);
    this.#child = spawn(file, args, { detached: true, stdio: ["ignore", "ignore", "inherit", "ipc"] });
    this.#child.on("message", (message: FromObserver) => this.#heard(message));
    this.#child.on("error", () => undefined); // Then no question is answered.
  }

  /** @returns the group as the nodes describe it, or why they do not */
  async ask(question: Question): Promise<GroupView | string> {
    this.#asked += 1;
    const id = this.#asked;
    const { promise, resolve } = Promise.withResolvers<GroupView | string>();
    const timer = setTimeout(() => resolve("The observer does not answer"), patienceMs);
    this.#waiting.set(id, ({ view, error }) => resolve(view ?? error));
    this.#child.send({ ...question, id } satisfies ToObserver, () => undefined);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  end(): void {
    this.#child.kill("SIGKILL");
  }

  #heard(message: FromObserver): void {
    if (message.type === "samples") this.samples.push(...message.samples);
    else this.#waiting.get(message.id)?.(message);
  }
}
