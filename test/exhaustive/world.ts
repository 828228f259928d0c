// The whole group as a value: three members, the messages in flight, what may still happen, and the history. A state is a
// short text of numbers; the group makes all that can follow from one.

import type { NodeId } from "../../proto/ids.ts";
import type { Packet } from "../unit/raft/disk-member.ts";
import { type Bounds, type Budgets, budgetNames } from "./bounds.ts";
import { type History, judge, noHistory, textOfHistory } from "./history.ts";
import { type Local, Locals, type Step } from "./local.ts";
import { Numbers } from "./numbers.ts";
import { isStale } from "./stale.ts";
import { founder, type Happening, nodes, take } from "./steps.ts";

/** Characters of a state's text before those of the messages in flight. */
export const coreLength = 5;

export interface State {
  readonly group: readonly Local[];
  readonly budgets: Budgets;
  readonly history: History;
  /**
   * Numbers of all packets that were sent and may still mean something, ascending. One that has arrived may arrive again:
   * so any loss, any delay, any order and any number of duplicates are among what follows.
   */
  readonly flying: readonly number[];
}

/** Something that can happen in a state. */
interface Event {
  readonly at: number;
  readonly happening: Happening;
  /** For each number, one input: what a member does on it is remembered under it. */
  readonly input: number;
  readonly spends: readonly (keyof Budgets)[];
  readonly isCut: boolean;
}

export interface Successor {
  readonly key: string;
  readonly violation: string | null;
  readonly name: () => string;
}

const kinds = ["timeout", "resend", "beat", "crash", "propose", "remove", "weigh"] as const;

export class Group {
  readonly #bounds: Bounds;
  readonly #locals = new Locals();
  readonly #budgets = new Numbers<Budgets>();
  readonly #histories = new Numbers<History>();

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  /** Distinct states of single members that stood behind those of the group so far. */
  get localStates(): number {
    return this.#locals.size;
  }

  first(): string {
    const group = nodes.map((node) => this.#locals.of(founder(node, this.#bounds.options)));
    return this.#encode({ group, budgets: this.#bounds.budgets, history: noHistory, flying: [] });
  }

  /** Calls `visit` with all that can follow. */
  follow(key: string, visit: (next: Successor) => void): void {
    const state = this.#decode(key);
    const isFirst = state.history === this.#histories.at(0) && state.group.every(({ term }) => term === 0);
    for (const event of this.#events(state)) {
      // Which of the equals is the first to stand is only a matter of names.
      if (isFirst && !(event.happening.type === "timeout" && event.at === 0)) continue;
      this.#follow(state, event, visit);
    }
  }

  #follow(state: State, event: Event, visit: (next: Successor) => void): void {
    const before = state.group[event.at] as Local;
    const step = this.#step(before, event);
    if (step === null) return;
    const name = () => describe(before.node, event, step);
    if (typeof step === "string") return visit({ key: "", violation: step, name });
    const group = state.group.with(event.at, step.next);
    const history = judge(state.history, before, { ...step.next, ...step.peak }, group);
    if (typeof history === "string") return visit({ key: "", violation: history, name });
    const budgets = event.spends.reduce(spend, state.budgets);
    const flying = this.#fly(state.flying, step.sent, group);
    if (step.next === before && flying.length === state.flying.length) return;
    visit({ key: this.#encode({ group, budgets, history, flying }), violation: null, name });
  }

  #step(local: Local, { happening, input, isCut }: Event): Step | null {
    const known = local.steps.get(input);
    if (known !== undefined) return known;
    const step = take(this.#locals, local, happening, isCut);
    local.steps.set(input, step);
    return step;
  }

  #fly(rest: readonly number[], sent: readonly number[], group: readonly Local[]): readonly number[] {
    const fresh = sent.filter((number) => !rest.includes(number));
    const flying = fresh.length === 0 ? rest : [...rest, ...fresh].sort((left, right) => left - right);
    return flying.filter((number) => !this.#isStale(number, group));
  }

  #isStale(number: number, group: readonly Local[]): boolean {
    const packet = this.#locals.packets.at(number);
    return isStale(packet, group[nodes.indexOf(packet.to)] as Local, this.#bounds.termMax);
  }

  *#events(state: State): Generator<Event> {
    for (const [at, local] of state.group.entries()) yield* this.#ownEvents(state, at, local);
    for (const number of state.flying) yield* this.#deliveries(state.budgets, number);
  }

  *#ownEvents({ budgets }: State, at: number, { role, term }: Local): Generator<Event> {
    const event = (happening: Happening, spends: keyof Budgets | null, extra = 0): Event => {
      const input = kinds.indexOf(happening.type as never) * 4 + extra;
      return { at, happening, input, spends: spends === null ? [] : [spends], isCut: false };
    };
    const { proposals, changes, weighings, crashes, beats, resends } = budgets;
    const isLeader = role === "leader";
    const own: Event[] = [];
    if (isLeader || term < this.#bounds.termMax) own.push(event({ type: "timeout" }, null));
    if (isLeader && resends > 0) own.push(event({ type: "resend" }, "resends"));
    if (isLeader && beats > 0) own.push(event({ type: "beat" }, "beats"));
    if (isLeader && proposals > 0) own.push(event({ type: "propose", value: proposals }, "proposals", proposals));
    if (isLeader && changes > 0) own.push(...nodes.map((node, of) => event({ type: "remove", node }, "changes", of)));
    if (isLeader && weighings > 0)
      own.push(...nodes.map((node, of) => event({ type: "weigh", node }, "weighings", of)));
    for (const each of own) yield* this.#withCut(each, budgets);
    if (crashes > 0) yield event({ type: "crash" }, "crashes");
  }

  *#deliveries(budgets: Budgets, number: number): Generator<Event> {
    const packet = this.#locals.packets.at(number);
    const at = nodes.indexOf(packet.to);
    const event = { at, happening: { type: "deliver", packet }, input: 32 + number, spends: [], isCut: false } as const;
    yield* this.#withCut(event, budgets);
  }

  *#withCut(event: Event, { crashes }: Budgets): Generator<Event> {
    yield event;
    const spends = [...event.spends, "crashes" as const];
    if (crashes > 0) yield { ...event, input: event.input + cutInput, spends, isCut: true };
  }

  #encode({ group, budgets, history, flying }: State): string {
    const text = budgetNames.map((name) => budgets[name]).join();
    const numbers = [this.#budgets.numberOf(text, () => budgets)];
    numbers.push(this.#histories.numberOf(textOfHistory(history), () => history));
    return String.fromCharCode(...group.map(({ number }) => number), ...numbers, ...flying);
  }

  #decode(key: string): State {
    const at = (position: number) => key.charCodeAt(position);
    const flying = Array.from({ length: key.length - coreLength }, (_, position) => at(position + coreLength));
    const group = [0, 1, 2].map((position) => this.#locals.at(at(position)));
    return { group, budgets: this.#budgets.at(at(3)), history: this.#histories.at(at(4)), flying };
  }
}

/** Sets the inputs that are cut off apart from all others. */
const cutInput = 2 ** 20;

function spend(budgets: Budgets, name: keyof Budgets): Budgets {
  return { ...budgets, [name]: budgets[name] - 1 };
}

function describe(node: NodeId, { happening, isCut }: Event, step: Step): string {
  const what = happening.type === "deliver" ? `takes ${textOf(happening.packet)}` : JSON.stringify(happening);
  const after =
    typeof step === "string" ? "" : `  -> ${step.next.role} of term ${step.next.term}, log ${step.next.terms}`;
  return `${node} ${what}${isCut ? ", and crashes before it is written" : ""}${after}`;
}

function textOf({ from, content }: Packet): string {
  return `${content.type === "raft" ? JSON.stringify(content.message) : content.type} from ${from}`;
}
