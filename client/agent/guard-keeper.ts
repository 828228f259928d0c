// The agent's side of its guard: finds it, or has it started; asks it for signs of life, and ends one that gives none; and stands
// in for one that has ended, until nothing runs any more and there is another.

import type { Server } from "node:net";
import type { ClientClock } from "../clock.ts";
import type { AgentConfig } from "./agent-config.ts";
import { agentLimits } from "./agent-limits.ts";
import { claim } from "./claim.ts";
import type { LeftoverGroup } from "./guard.ts";
import { GuardHost } from "./guard-host.ts";
import { type GuardLink, linkGuard } from "./guard-link.ts";
import type { FromGuard, ToGuard } from "./guard-messages.ts";
import { beatPauseMs, GuardWatch } from "./guard-watch.ts";
import { killNow, killUntilNone } from "./kill-processes.ts";
import { findGuards } from "./marked-processes.ts";
import type { Right } from "./run-spec.ts";
import type { StateDirectory } from "./state-directory.ts";

export interface GuardKeeperParts {
  readonly config: AgentConfig;
  readonly directory: StateDirectory;
  readonly clock: ClientClock;
  readonly log: (line: string) => void;
  readonly hear: (message: FromGuard) => void;
  /** The guard has ended, and what stands in for it knows what it held. */
  readonly lost: () => void;
  /** Nothing is held but what has stopped, or cannot be: another guard may be begun with. */
  readonly isSettled: () => boolean;
  /** Of the groups of which something may run. */
  readonly rights: () => ReadonlyMap<string, Right>;
  /** Those whose end the guard must not miss. */
  readonly urgentRights: () => readonly Right[];
  /** These groups, as a guard would have written them down. */
  readonly mayRun: () => readonly LeftoverGroup[];
}

export class GuardKeeper {
  readonly #parts: GuardKeeperParts;
  #link: GuardLink | null = null;
  #beats: NodeJS.Timeout | null = null;
  /** Of the guard, and of this agent and those after it. */
  #id = "";
  /** That this is the directory's only agent. */
  #claimed: Server | null = null;
  readonly #watch = new GuardWatch();
  /** null: not known, or it is in this process. */
  #pid: number | null = null;
  #hasEnded = false;

  constructor(parts: GuardKeeperParts) {
    this.#parts = parts;
  }

  /** @throws {Error} when no guard can be started, another agent uses the directory, or what a guard has left is not known */
  async begin(): Promise<void> {
    const { directory } = this.#parts;
    directory.prepare();
    // Also while there is no guard that would refuse the second: one agent may be standing in for it.
    this.#claimed = await claim(`bailiwick-agent-${directory.identity}`);
    if (this.#claimed === null) throw new Error(`Another agent uses ${directory.path}`);
    await this.#find();
    this.#beat();
  }

  send(message: ToGuard): void {
    this.#link?.send(message);
  }

  /** Leaves the guard to itself. */
  close(): void {
    this.#hasEnded = true;
    if (this.#beats !== null) clearTimeout(this.#beats);
    this.#link?.close();
    this.#claimed?.close();
  }

  #beat(): void {
    if (this.#hasEnded) return;
    const nowMs = this.#parts.clock.nowMs();
    this.#watch.asked(nowMs);
    this.send({ type: "beat" });
    // Where this process has stood still, the answer has come meanwhile, and is read first. In what follows it may stand still again.
    setImmediate(() => this.#judge(nowMs));
    this.#beats = setTimeout(() => this.#beat(), beatPauseMs(nowMs, this.#parts.urgentRights()));
  }

  /** A guard that is stuck would neither start nor stop anything: it is ended, and then it is one that has ended. */
  #judge(nowMs: number): void {
    const { log, urgentRights } = this.#parts;
    if (this.#hasEnded || this.#pid === null) return;
    if (!this.#watch.isHung(nowMs, urgentRights())) return;
    killNow(this.#pid);
    this.#link?.close();
    this.#standIn();
    log("The guard process did not answer, and was killed");
  }

  /** One that accepts and says nothing hangs, and would for ever: it is ended, and what it has left is the next one's to stop. */
  async #find(): Promise<void> {
    const { directory } = this.#parts;
    if (await this.#meet()) return;
    await this.#endHung();
    if (!(await this.#meet())) throw new Error(`The guard process of ${directory.path} does not answer`);
  }

  async #endHung(): Promise<void> {
    const { clock, directory, log } = this.#parts;
    const find = () => findGuards(directory.identity);
    if (find().length === 0) {
      throw new Error(`The guard process of ${directory.path} does not answer, and cannot be found: end it by hand`);
    }
    log("The guard process does not answer: it is killed");
    const left = await killUntilNone({ find, kill: killNow, pause: (ms) => clock.sleep(ms) });
    if (left > 0) throw new Error(`The guard process of ${directory.path} does not answer, and cannot be killed`);
  }

  /** @returns false: a guard accepts, and says nothing */
  async #meet(): Promise<boolean> {
    const { clock, config, directory, log } = this.#parts;
    const { node, systemctl, ocfRoot } = config;
    const { promise: greeted, resolve, reject } = Promise.withResolvers<void>();
    let isGreeted = false;
    const hear = (message: FromGuard) => {
      this.#watch.heard();
      if (message.type === "alive") this.#pid = message.pid;
      if (message.type === "busy") reject(new Error(`Another agent uses ${directory.path}`));
      if (message.type === "state") {
        this.#id = message.id;
        isGreeted = true;
      }
      this.#parts.hear(message);
      if (isGreeted) resolve();
    };
    // Nothing was ever asked of a guard that has not said anything yet: who looks for one goes on looking.
    const lost = () => (isGreeted ? this.#standIn() : reject(new Error("The guard process has ended")));
    const link = await linkGuard({ directory, node, settings: { systemctl, ocfRoot }, clock, log, hear, lost });
    this.#link = link;
    const over = new AbortController();
    const silence = clock.sleep(agentLimits.guardPatienceMs, over.signal).then(() => false);
    try {
      const isMet = await Promise.race([greeted.then(() => true), silence]);
      if (!isMet) link.close();
      return isMet;
    } catch (reason) {
      link.close();
      throw reason;
    } finally {
      over.abort();
    }
  }

  /** What cannot be stopped is not waited for: the next guard takes it over. */
  async #settled(host: GuardHost): Promise<void> {
    const { clock, log, isSettled } = this.#parts;
    const lateMs = clock.nowMs() + agentLimits.guardlessMs;
    for (let isTold = false; !this.#hasEnded && !(isSettled() && host.isSettled); ) {
      if (!isTold && clock.nowMs() >= lateMs) {
        log(
          "There is no guard yet: something is still being stopped. Groups that this node is given are in error until then",
        );
        isTold = true;
      }
      await clock.sleep(agentLimits.beatMs);
    }
  }

  /** Nothing may go on without a guard: everything is stopped here, and then there is another one. */
  #standIn(): void {
    const { config, clock, directory, log, hear, lost, rights } = this.#parts;
    if (this.#hasEnded) return;
    this.#pid = null;
    const host = new GuardHost({ directory, id: this.#id, clock, tell: hear, log });
    host.greet(config.node, config);
    this.#link = {
      send: (message) => void (message.type === "hello" || host.step(message)),
      close: () => host.close(),
    };
    const ends = rights();
    const left = this.#leftover().map((group) => ({
      ...group,
      killAtMs: ends.get(group.spec.group)?.killAtMs ?? null,
    }));
    host.takeOver(left, "The guard process has ended");
    lost();
    log("The guard process has ended: everything is stopped");
    void this.#replace(host);
  }

  /** Where the guard's own word is damaged, what its agent had it do. */
  #leftover(): readonly LeftoverGroup[] {
    try {
      return this.#parts.directory.leftover();
    } catch (reason) {
      this.#parts.log(`What the agent knows is stopped: ${reason instanceof Error ? reason.message : String(reason)}`);
      return this.#parts.mayRun();
    }
  }

  async #replace(host: GuardHost): Promise<void> {
    const { clock, log } = this.#parts;
    await this.#settled(host);
    while (!this.#hasEnded) {
      host.handOver();
      try {
        await this.#find();
        // What could not be stopped may have been tried again meanwhile: that is the next guard's now.
        return host.close();
      } catch (reason) {
        log(`There is no guard: ${reason instanceof Error ? reason.message : String(reason)}`);
        await clock.sleep(agentLimits.idleIntervalMs);
      }
    }
  }
}
