// The flags that every command has.

import type { CliDeps } from "./cli-deps.ts";
import type { Flags } from "./flags.ts";
import { type Format, formats } from "./output.ts";
import { UsageError } from "./usage-error.ts";

export const defaultEndpoint = "127.0.0.1:7401";
export const defaultTimeout = "5s";

export interface GlobalFlags {
  readonly format: Format;
  readonly isColoured: boolean;
}

/** @returns how to print */
export function readOutputFlags(flags: Flags, { env, isTty }: Pick<CliDeps, "env" | "isTty">): GlobalFlags {
  const format = toFormat(flags.text("output"));
  const isRefused = (env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb" || !flags.isSet("color");
  return { format, isColoured: isTty && !isRefused };
}

/** @throws {UsageError} for a list without endpoints, and for a malformed time */
export function readConnectFlags(flags: Flags, { env }: Pick<CliDeps, "env">) {
  const given = flags.text("endpoints") ?? env["BAILIWICK_ENDPOINTS"] ?? "";
  const endpoints = given === "" ? [defaultEndpoint] : splitEndpoints(given);
  return { endpoints, timeoutMs: flags.durationMs("timeout") ?? 5_000 };
}

/** For errors in a command line that could not be read. */
export function guessFormat(argv: readonly string[]): Format {
  for (const [at, arg] of argv.entries()) {
    if (arg === "--") break;
    const value = /^(?:-o|--output)=?(.*)$/.exec(arg);
    if (value !== null) return toFormat(value[1] === "" ? argv[at + 1] : value[1]);
  }
  return "table";
}

function splitEndpoints(list: string): readonly string[] {
  const endpoints = list.split(",").map((one) => one.trim());
  if (endpoints.every((one) => one !== "")) return endpoints;
  throw new UsageError(`The endpoints ${JSON.stringify(list)} are not host:port[,host:port...]`);
}

function toFormat(text: string | undefined): Format {
  return formats.find((format) => format === text) ?? "table";
}
