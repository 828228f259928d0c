// Runs a command line against the fake cluster and keeps what it prints.

import type { Program, ProgramSetting } from "../../../client/cli/program-port.ts";
import { runCli } from "../../../client/cli/run.ts";
import { UsageError } from "../../../client/cli/usage-error.ts";
import { Client } from "../../../client/index.ts";
import { FakeCluster } from "../client/fake-cluster.ts";
import { ManualClock } from "../client/manual-clock.ts";

export interface Setting {
  readonly cluster?: FakeCluster;
  readonly isTty?: boolean;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** Called with each piece of output, for what must happen while a command runs. */
  readonly onOutput?: (text: string, interrupt: () => void) => void;
  /** Called when a command asks for a connection. */
  readonly onConnect?: (interrupt: () => void) => void;
  /** Of the client. */
  readonly clock?: ManualClock;
  /** Draws of the client; the same each time by default. */
  readonly random?: () => number;
  /** Plays the program that a command starts; none can be started without it. */
  readonly startProgram?: (command: readonly string[], setting: ProgramSetting) => Program;
  /** Pauses of a command; none by default. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly register?: Parameters<typeof runCli>[2];
}

export interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  /** The connections that were asked for. */
  readonly connections: readonly { readonly endpoints: readonly string[]; readonly timeoutMs: number }[];
  readonly json: () => unknown;
}

export async function cli(line: string | readonly string[], setting: Setting = {}): Promise<Outcome> {
  const { cluster = new FakeCluster(), isTty = false, env = {}, stdin = "", files = {}, register } = setting;
  const interrupt = new AbortController();
  const printed = { out: [] as Uint8Array[], err: "" };
  const connections: { endpoints: readonly string[]; timeoutMs: number }[] = [];
  const notice = (text: string) => setting.onOutput?.(text, () => interrupt.abort());
  const code = await runCli(
    typeof line === "string" ? line.split(" ") : line,
    {
      connect: (options) => {
        connections.push(options);
        setting.onConnect?.(() => interrupt.abort());
        const { clock = new ManualClock(), random = () => 0.5 } = setting;
        return Promise.resolve(new Client({ ...options, connect: cluster.connect, clock, random }));
      },
      out: (data) => {
        printed.out.push(Buffer.from(data));
        notice(Buffer.from(data).toString());
      },
      err: (text) => {
        printed.err += text;
        notice(text);
      },
      readFile: async (path) => {
        const text = files[path];
        if (text === undefined) throw Object.assign(new Error("no such file"), { code: "ENOENT" });
        return Buffer.from(text);
      },
      readStdin: () => Promise.resolve(Buffer.from(stdin)),
      askLine: (question) => {
        printed.err += question;
        return Promise.resolve(stdin.split("\n")[0] ?? "");
      },
      startProgram: async (command, started) => {
        if (setting.startProgram === undefined) throw new UsageError(`Cannot run ${command[0]}: ENOENT`);
        return setting.startProgram(command, started);
      },
      sleep: setting.sleep ?? (() => new Promise((resolve) => setImmediate(resolve))),
      nowMs: () => 1_900_000_000_000,
      isTty,
      env,
      interrupted: () => interrupt.signal,
      version: "0.1.0",
    },
    register,
  );
  const out = Buffer.concat(printed.out).toString();
  return { code, out, err: printed.err, connections, json: () => JSON.parse(out) as unknown };
}
