// A group whose actions end when, and as, a test says.

import { type Adopted, GroupRun, type RunInput } from "../../../client/agent/group-run.ts";
import type { ResourceEffect } from "../../../client/agent/resource-run.ts";
import type { ActionOutcome, RunSpec } from "../../../client/agent/run-spec.ts";
import { outcome } from "./specs.ts";

export class DrivenRun {
  readonly run: GroupRun;
  nowMs = 0;
  /** Everything that was to be done, in order, as `start data`. */
  readonly done: string[] = [];
  readonly #stops = new Map<string, number>();

  constructor(spec: RunSpec) {
    this.run = new GroupRun(spec, 0);
  }

  begin(): this {
    return this.#keep(this.run.begin(this.nowMs));
  }

  adopt(adopted: Adopted): this {
    return this.#keep(this.run.adopt(adopted, null, this.nowMs));
  }

  input(input: RunInput): this {
    return this.#keep(this.run.step(input, this.nowMs));
  }

  started(resource: string, parts: Partial<ActionOutcome> = {}): this {
    return this.input({ type: "started", resource, outcome: outcome(parts) });
  }

  stopped(resource: string, parts: Partial<ActionOutcome> = {}): this {
    return this.input({ type: "stopped", resource, outcome: outcome(parts) });
  }

  /** @param stopsBefore as it was when the monitor began; without it, now */
  monitored(resource: string, parts: Partial<ActionOutcome> = {}, stopsBefore = this.#stopsOf(resource)): this {
    return this.input({ type: "monitored", resource, outcome: outcome(parts), stopsBefore });
  }

  release(why = "wanted elsewhere"): this {
    return this.input({ type: "release", why });
  }

  /** Lets time pass, with a look at each deadline on the way. */
  pass(ms: number): this {
    const endMs = this.nowMs + ms;
    for (let deadlineMs = this.#next(endMs); deadlineMs !== null; deadlineMs = this.#next(endMs)) {
      this.nowMs = Math.max(this.nowMs, deadlineMs);
      this.input({ type: "deadline" });
    }
    this.nowMs = endMs;
    return this;
  }

  /** What was to be done since the last time. */
  take(): readonly string[] {
    return this.done.splice(0);
  }

  get states(): readonly string[] {
    return this.run.stories.map(({ resource, phase }) => `${resource} ${phase}`).toSorted();
  }

  #next(endMs: number): number | null {
    const deadlineMs = this.run.deadlineMs(this.nowMs);
    return deadlineMs === null || deadlineMs > endMs ? null : deadlineMs;
  }

  #stopsOf(resource: string): number {
    return this.#stops.get(resource) ?? 0;
  }

  #keep(effects: readonly ResourceEffect[]): this {
    for (const { type, resource } of effects) {
      if (type === "stop") this.#stops.set(resource, this.#stopsOf(resource) + 1);
    }
    this.done.push(...effects.map(({ type, resource }) => `${type} ${resource}`));
    return this;
  }
}
