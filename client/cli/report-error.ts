// What people and programs are told when a command fails.

import { type ClientErrorCode, type ClientFailure, toClientError } from "../unreachable-error.ts";
import { type ExitCode, exitCodeOf, exitCodes } from "./exit-codes.ts";
import type { Colours, Format } from "./output.ts";
import { UsageError } from "./usage-error.ts";

export interface ErrorReport {
  /** For standard error; ends its lines. */
  readonly text: string;
  readonly exitCode: ExitCode;
}

interface ReportOptions {
  readonly format: Format;
  readonly colours: Colours;
  /** Whether the command changes something. */
  readonly isWrite: boolean;
}

/** In JSON `{"error": {"code", "message", "effect", "details", "exitCode"}}` on one line, whatever format but table. */
export function reportError(reason: unknown, { format, colours, isWrite }: ReportOptions): ErrorReport {
  if (reason instanceof UsageError) return reportUsage(reason.message, { format, colours });
  const { code, message, details, effect } = toClientError(reason);
  const exitCode = exitCodeOf({ code, message, details, effect }, { isWrite });
  if (format !== "table") {
    return { text: `${JSON.stringify({ error: { code, message, effect, details, exitCode } })}\n`, exitCode };
  }
  const hints = hintsFor({ code, message, details, effect }, isWrite).map((hint) => `  ${hint}\n`);
  return { text: `${colours.red("error:")} ${message} (${code})\n${hints.join("")}`, exitCode };
}

/** Of a command line that could not be read. */
export function reportUsage(
  message: string,
  { format, colours }: { readonly format: Format; readonly colours: Colours },
): ErrorReport {
  const exitCode = exitCodes.usage;
  const error = { code: "usage", message, effect: "none", details: {}, exitCode };
  const text = format === "table" ? `${colours.red("error:")} ${message}\n` : `${JSON.stringify({ error })}\n`;
  return { text, exitCode };
}

/** Of a write that may have reached a node. */
export const openChange = "the change may have happened: read before you repeat it";

const hints: { readonly [Code in ClientErrorCode]?: string } = {
  unreachable:
    "is a node running there? --endpoints or BAILIWICK_ENDPOINTS name others; `bailiwick dev` starts a cluster",
  no_quorum: "`bailiwick status` shows what is missing; `--local` reads what one owner has",
  no_leader: "the group is electing a manager: try again in a moment",
  compacted: "history ends there: read the present state, and go on from its revision",
  quarantined: "ask another node with --endpoints",
};

function hintsFor({ code, details, effect }: ClientFailure, isWrite: boolean): string[] {
  const { missing, leader, revision } = details;
  // Other conditions than a key's, such as a directory in use, name no revision.
  const hasKeyChanged = code === "condition_failed" && revision !== undefined;
  return [
    ...(hasKeyChanged ? ["read the key again: it has changed"] : []),
    ...(missing === undefined ? [] : [`missing: ${missing.split(",").join(" ")}`]),
    ...(leader === undefined ? [] : [`ask ${leader}`]),
    ...(revision === undefined ? [] : [`revision: ${revision}`]),
    ...(isWrite && effect === "unknown" ? [openChange] : []),
    ...(hints[code] === undefined ? [] : [hints[code]]),
  ];
}
