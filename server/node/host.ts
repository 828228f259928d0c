// Feeds a state machine and carries out its effects. It decides nothing: it queues inputs, runs each to completion, gives the
// disk one write after the other, and lets no message leave before the write that it depends on is durable (invariant 3).

import { InvariantError } from "../../proto/assert.ts";
import type { Millis } from "../../proto/ids.ts";
import type { Effect } from "./effects.ts";
import { GatheredWrites } from "./gathered-writes.ts";
import type { Input, WriteId } from "./inputs.ts";
import { limits } from "./limits.ts";
import { earliest } from "./millis.ts";
import type { Ports } from "./ports.ts";
import type { StateMachine } from "./state-machine.ts";

type Outgoing = Extract<Effect, { type: "send" } | { type: "publish" } | { type: "erase" }>;

export class Host {
  readonly #ports: Ports;
  readonly #machine: StateMachine;
  #inputs: Input[] = [];
  /** Messages that found the queue full since the last turn. */
  #dropped = 0;
  #scheduled = false;
  #stopped = false;

  /** What the disk has not been given yet; one write is under way at a time, so that they gather meanwhile. */
  readonly #gathered = new GatheredWrites();
  #writing = false;
  #durable: WriteId = 0;
  /** In the order of their `after`, which only grows. */
  #held: { readonly after: WriteId; readonly effect: Outgoing }[] = [];

  constructor(ports: Ports, machine: StateMachine) {
    this.#ports = ports;
    this.#machine = machine;
  }

  /** Queues an input; it runs in a later turn of the event loop, with all that has gathered until then. */
  deliver(input: Input): void {
    if (this.#stopped) return;
    // As a network may: peers send again what matters. Everything else is bounded where it comes from.
    if (input.type === "peer" && this.#inputs.length >= limits.inputsMax) {
      this.#dropped += 1;
      return;
    }
    this.#inputs.push(input);
    this.#schedule();
  }

  /** Nothing runs and nothing leaves any more. */
  stop(): void {
    this.#stopped = true;
    this.#inputs = [];
    this.#held = [];
    this.#ports.clock.setTimer(null, () => {});
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#ports.clock.defer(() => this.#turn());
  }

  #turn(): void {
    this.#scheduled = false;
    if (this.#stopped) return;
    try {
      this.#inputs = this.#inputs.slice(this.#runInputs());
    } catch (reason) {
      this.#fail(errorOf(reason));
      return;
    }
    this.#noteDropped();
    if (this.#inputs.length > 0) this.#schedule();
    this.#startWrite();
    this.#ports.clock.setTimer(this.#deadlineMs(), () => this.deliver({ type: "deadline" }));
  }

  #deadlineMs(): Millis | null {
    return earliest(this.#machine.deadlineMs(), this.#writing ? null : this.#gathered.deadlineMs());
  }

  /**
   * Runs what is waiting, and the end of the turn that comes of it. What is left over then, and work that goes on after that,
   * has its next step in a later turn, so that the disk, sockets and timers have theirs.
   *
   * @returns how many inputs have run
   */
  #runInputs(): number {
    let ran = 0;
    let goesOn = false;
    while (!goesOn && ran < limits.turnInputsMax && ran < this.#inputs.length) {
      const input = this.#inputs[ran] as Input;
      if (ran > 0 && isRest(input)) break;
      goesOn = this.#run(input);
      ran += 1;
    }
    return ran;
  }

  /** @returns whether a `continue` asks for the next */
  #run(input: Input): boolean {
    const effects = this.#machine.step(input, this.#ports.clock.nowMs());
    for (const effect of effects) this.#carryOut(effect);
    return input.type === "continue" && effects.some((effect) => effect.type === "continue");
  }

  #noteDropped(): void {
    if (this.#dropped === 0) return;
    this.#ports.journal.note("warn", "Dropped peer messages", { count: this.#dropped, limit: limits.inputsMax });
    this.#dropped = 0;
  }

  #carryOut(effect: Effect): void {
    switch (effect.type) {
      case "write":
        this.#gathered.add(effect, this.#ports.clock.nowMs());
        return;
      case "send":
      case "publish":
      case "erase":
        if (effect.after === null || effect.after <= this.#durable) this.#transmit(effect);
        else this.#held.push({ after: effect.after, effect });
        return;
      case "reply":
        this.#ports.answers.reply(effect.call, effect.reply);
        return;
      case "watch":
        this.#ports.answers.watch(effect.call, effect.message);
        return;
      case "continue":
        this.#inputs.push({ type: "continue", work: effect.work });
        return;
      case "network":
        this.#ports.network.configure(effect.peers, effect.topics);
        return;
      case "note":
        this.#ports.journal.note(effect.level, effect.text, effect.fields);
        return;
    }
  }

  #transmit(effect: Outgoing): void {
    if (effect.type === "send") this.#ports.network.send(effect.to, effect.message);
    else if (effect.type === "erase") this.#ports.disk.erase(effect.range);
    else this.#ports.network.publish(effect.topic, effect.message);
  }

  #startWrite(): void {
    const isAwaited = this.#held.length > 0;
    if (this.#writing || !this.#gathered.isReady(isAwaited, this.#ports.clock.nowMs())) return;
    const { write, batch } = this.#gathered.take();
    this.#writing = true;
    this.#ports.disk.write(batch, (outcome) => {
      if (this.#stopped) return;
      // Invariant 4: the outcome is unknown, and later writes on this handle would lie.
      if (outcome.type === "failed") this.#fail(new Error(`Cannot write to the disk: ${outcome.reason}`));
      else this.#written(write);
    });
  }

  #written(write: WriteId): void {
    this.#writing = false;
    this.#durable = write;
    try {
      this.#release(write);
    } catch (reason) {
      this.#fail(errorOf(reason));
      return;
    }
    this.deliver({ type: "durable", write });
    this.#startWrite();
  }

  /** Lets go what has waited for `write` and those before it. */
  #release(write: WriteId): void {
    let released = 0;
    for (const { after, effect } of this.#held) {
      if (after > write) break;
      this.#transmit(effect);
      released += 1;
    }
    if (released > 0) this.#held = this.#held.slice(released);
  }

  #fail(reason: Error): void {
    this.stop();
    this.#ports.fatal(reason);
  }
}

function isRest(input: Input): boolean {
  return input.type === "continue" && input.work === "rest";
}

function errorOf(reason: unknown): Error {
  return reason instanceof Error ? reason : new InvariantError(String(reason));
}
