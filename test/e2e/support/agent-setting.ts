// A real agent in front of a node that a test plays: its server answers reports with the grants that the test has set.

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { create, type JsonValue, type MessageInitShape } from "@bufbuild/protobuf";
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from "@grpc/grpc-js";
import { GroupConfigSchema } from "../../../proto/gen/bailiwick/v1/group_config_pb.ts";
import { OwnershipState } from "../../../proto/gen/bailiwick/v1/group_pb.ts";
import { GetGroupResponseSchema, GroupService } from "../../../proto/gen/bailiwick/v1/group_service_pb.ts";
import {
  type AwaitOwnershipRequest,
  AwaitOwnershipResponseSchema,
  NodeService,
  type OwnershipGrantSchema,
  ReportPerformanceResponseSchema,
  type ReportResourcesRequest,
  ReportResourcesResponseSchema,
} from "../../../proto/gen/bailiwick/v1/node_service_pb.ts";
import { toGrpcService } from "../../../proto/grpc.ts";
import { fromPlainJson } from "../../../proto/plain-json.ts";
import { type RunningCommand, startCommand } from "./command.ts";
import { createScratch } from "./scratch.ts";
import { waitFor } from "./wait.ts";

type Granted = MessageInitShape<typeof OwnershipGrantSchema>;

export interface HeardReport {
  readonly atMs: number;
  readonly isComplete: boolean;
  readonly agent: string;
  /** As `orders 7 online`. */
  readonly groups: readonly string[];
  readonly request: ReportResourcesRequest;
}

const ttlMs = 3_000;
export const stopBudgetMs = 1_000;
/** Nothing may run so long after a report was sent. */
export const usableMs = ttlMs * 0.95;

export class AgentSetting implements AsyncDisposable {
  readonly reports: HeardReport[] = [];
  /** What reports are answered with; null: they are not answered. */
  grants: readonly Granted[] | null = [];
  /** Plain JSON of a `GroupConfig`. */
  config: object = {};
  epoch = 7;
  /** What a grant gives when nothing else is said. */
  readonly ttlMs = ttlMs;
  readonly #scratch = createScratch("agent");
  readonly #server = new Server();
  readonly #agents: RunningCommand[] = [];
  #port = 0;
  /** How often there were news, and the agent that waits for the next. */
  #change = 1n;
  #waiting: Answer | null = null;

  async listen(): Promise<this> {
    this.#server.addService(toGrpcService(NodeService), {
      reportResources: (call: Call<ReportResourcesRequest>, answer: Answer) => this.#hear(call, answer),
      awaitOwnership: (call: Call<AwaitOwnershipRequest>, answer: Answer) => this.#await(call, answer),
      reportPerformance: (_: unknown, answer: Answer) =>
        answer(null, create(ReportPerformanceResponseSchema, { intervalMs: 1_000 })),
    });
    this.#server.addService(toGrpcService(GroupService), {
      getGroup: (_: unknown, answer: Answer) => answer(null, this.#group()),
    });
    this.#port = await new Promise<number>((resolve, reject) => {
      const bound = (error: Error | null, port: number) => (error === null ? resolve(port) : reject(error));
      this.#server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), bound);
    });
    return this;
  }

  /** The group runs here as long as this is answered. */
  grant(parts: Granted = {}): void {
    this.grants = [
      {
        group: "orders",
        epoch: BigInt(this.epoch),
        granted: true,
        ttlMs,
        stopBudgetMs,
        wanted: OwnershipState.ONLINE,
        why: "as the test says",
        ...parts,
      },
    ];
  }

  /** The agent is told that something has changed, once it waits for that. */
  async news(): Promise<void> {
    const { value: answer } = await waitFor("an agent that listens", 20_000, () => this.#waiting);
    this.#waiting = null;
    this.#change += 1n;
    answer(null, create(AwaitOwnershipResponseSchema, { change: this.#change }));
  }

  /** A script for the allow-list. @returns its path */
  script(name: string, text: string): string {
    const file = this.path(name);
    writeFileSync(file, `#!/bin/sh\n${text}\n`);
    chmodSync(file, 0o755);
    return file;
  }

  /** A program that runs until it is told to end, and leaves its process id and a line for each start. @returns its path */
  application(name: string, onTerm = "exit 0"): string {
    const lines = [
      `trap '${onTerm}' TERM`,
      `echo $$ > ${this.path(`${name}.pid`)}`,
      `echo started >> ${this.path(`${name}.starts`)}`,
      "while :; do sleep 0.05; done",
    ];
    return this.script(name, lines.join("\n"));
  }

  path(name: string): string {
    return join(this.#scratch.directory, name);
  }

  /** Lines of a file; none where it is not there. */
  lines(name: string): readonly string[] {
    const file = this.path(name);
    return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
  }

  async pidOf(name: string): Promise<number> {
    const { value } = await waitFor(`the process ${name}`, 20_000, () => Number(this.lines(`${name}.pid`)[0]) || null);
    return value;
  }

  get endpoint(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** Writes agent.yaml. @param allow programs, or all that is allowed @returns its path */
  configure(allow: readonly string[] | object, parts: object = {}): string {
    const file = this.path("agent.yaml");
    mkdirSync(this.path("state"), { recursive: true });
    const config = {
      node: "n202",
      endpoints: [this.endpoint],
      allow: Array.isArray(allow) ? { exec: allow } : allow,
      stateDirectory: this.path("state"),
      ...parts,
    };
    writeFileSync(file, JSON.stringify(config));
    return file;
  }

  startAgent(...configured: Parameters<AgentSetting["configure"]>): RunningCommand {
    const agent = startCommand(["agent", "--node", "n202", "-c", this.configure(...configured)]);
    this.#agents.push(agent);
    return agent;
  }

  /** The newest report that says this of the group, from now on. */
  async heard(group: string, timeoutMs = 20_000): Promise<HeardReport> {
    const from = this.reports.length;
    const { value } = await waitFor(`a report of ${group}`, timeoutMs, () =>
      this.reports.slice(Math.max(0, from - 1)).findLast(({ groups }) => groups.includes(group)),
    );
    return value;
  }

  /** The process that guards; it is not the agent's child when that has ended. */
  guardPid(): number {
    const started = this.lines("state/guard.log").flatMap((line) => /guards .* as ([0-9]+)$/.exec(line)?.[1] ?? []);
    return Number(started.at(-1) ?? "0");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.#agents) agent.signal("SIGKILL");
    this.#server.forceShutdown();
    const guard = this.guardPid();
    if (isAlive(guard)) process.kill(guard, "SIGTERM");
    await waitFor("the end of the guard", 30_000, () => (isAlive(this.guardPid()) ? null : true));
    this.#scratch.remove();
  }

  #hear({ request }: Call<ReportResourcesRequest>, answer: Answer): void {
    const groups = request.groups.map(({ group, epoch, state }) => `${group} ${epoch} ${stateNames[state] ?? state}`);
    const { complete: isComplete, agent } = request;
    this.reports.push({ atMs: performance.now(), isComplete, agent, groups, request });
    if (this.grants !== null) answer(null, create(ReportResourcesResponseSchema, { grants: [...this.grants] }));
  }

  #await({ request }: Call<AwaitOwnershipRequest>, answer: Answer): void {
    if (request.after === this.#change) this.#waiting = answer;
    else answer(null, create(AwaitOwnershipResponseSchema, { change: this.#change }));
  }

  #group() {
    const config = fromPlainJson(GroupConfigSchema, this.config as JsonValue);
    return create(GetGroupResponseSchema, {
      header: { group: "orders", incarnation: 1n },
      group: { name: "orders", epoch: BigInt(this.epoch), config },
    });
  }
}

type Call<Request> = ServerUnaryCall<Request, unknown>;
type Answer = sendUnaryData<unknown>;

const stateNames: Readonly<Record<number, string>> = {
  [OwnershipState.ACQUIRING]: "acquiring",
  [OwnershipState.ONLINE]: "online",
  [OwnershipState.RELEASING]: "releasing",
  [OwnershipState.OFFLINE]: "offline",
  [OwnershipState.ERROR]: "error",
};

/** A process that has ended and that nobody has waited for yet is not alive. */
export function isAlive(pid: number): boolean {
  try {
    const [, state] = /^.*\) (.)/s.exec(readFileSync(`/proc/${pid}/stat`, "latin1")) ?? [];
    return state !== undefined && state !== "Z" && state !== "X";
  } catch {
    return false;
  }
}

/** @returns when it had ended */
export async function endOf(pid: number, timeoutMs = 20_000): Promise<number> {
  await waitFor(`the end of ${pid}`, timeoutMs, () => (isAlive(pid) ? null : true));
  return performance.now();
}
