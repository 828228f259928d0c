// A guard whose programs end when, and as, a test says.

import { Guard, type GuardEffect, type GuardInput, type LeftoverGroup } from "../../../client/agent/guard.ts";
import type { FromGuard } from "../../../client/agent/guard-messages.ts";
import type { ActionOutcome, Right, RunSpec } from "../../../client/agent/run-spec.ts";
import { outcome } from "./specs.ts";

/** Every foreground process. */
const process = { pid: 70, startTicks: 7 };

export class DrivenGuard {
  readonly guard = new Guard("g1");
  nowMs = 0;
  readonly told: FromGuard[] = [];
  /** What was to be done, in order, as `run stop db`. */
  readonly #done: string[] = [];
  /** The agent gives a sign of life with every look at the clock. */
  isBeating = true;

  input(input: GuardInput): this {
    for (const effect of this.guard.step(input, this.nowMs)) this.#keep(effect);
    return this;
  }

  hold(spec: RunSpec, right: Right): this {
    return this.input({ type: "connected" }).input({ type: "hold", spec, right });
  }

  act(action: "start" | "stop", resource: string): this {
    return this.input({ type: "act", group: "orders", epoch: 7, resource, action });
  }

  acted(action: "start" | "stop", resource: string, parts: Partial<ActionOutcome> = {}): this {
    return this.input({ type: "acted", group: "orders", resource, action, outcome: outcome(parts) });
  }

  /** As {@link act} and {@link acted}, one after the other. */
  start(...resources: readonly string[]): this {
    for (const resource of resources) this.act("start", resource).acted("start", resource);
    this.take();
    return this;
  }

  childEnded(resource: string): this {
    return this.input({
      type: "childEnded",
      group: "orders",
      resource,
      outcome: outcome({ exitStatus: null }),
      left: 0,
    });
  }

  cleared(resource: string | null, left = 0, found: readonly string[] = []): this {
    return this.input({ type: "cleared", group: "orders", resource, left, found });
  }

  /** Looks at the clock as a host does. */
  pass(ms: number): this {
    const endMs = this.nowMs + ms;
    while (this.nowMs < endMs) {
      this.nowMs = Math.min(endMs, this.nowMs + 100);
      if (this.isBeating) this.input({ type: "beat" });
      this.input({ type: "deadline" });
    }
    return this;
  }

  take(): readonly string[] {
    return this.#done.splice(0);
  }

  /** What was told of actions, as `start db 0`. */
  get outcomes(): readonly string[] {
    return this.told.flatMap((message) =>
      message.type === "done" ? [`${message.action} ${message.resource} ${message.outcome.exitStatus}`] : [],
    );
  }

  #keep(effect: GuardEffect): void {
    switch (effect.type) {
      case "tell":
        this.told.push(effect.message);
        return;
      case "persist":
        this.#done.push(`persist ${effect.groups.map(textOf).join(" ")}`);
        return;
      case "endCommands":
        this.#done.push(["end commands", ...effect.starting].join(" "));
        return;
      case "run":
        this.#done.push(`run ${effect.action} ${effect.resource}`);
        return;
      case "spawn":
        this.#done.push(`spawn ${effect.resource}`);
        this.input({ type: "spawned", group: "orders", resource: effect.resource, process });
        return;
      case "signal":
        this.#done.push(`${effect.signal} ${effect.resource}`);
        return;
      default:
        this.#done.push(`${effect.type} ${effect.resource ?? "*"}`);
    }
  }
}

/** As `orders/db/app=70`: a start command under way, and a foreground process; `?`: of which nothing is known. */
function textOf({ spec, starting, children }: LeftoverGroup): string {
  const processes = children.map(({ resource, process }) => `${resource}=${process?.pid ?? "?"}`);
  return [spec.group, ...starting, ...processes].join("/");
}
