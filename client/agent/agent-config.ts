// The agent's own file, agent.yaml: which node it serves, whom it asks, and what it may execute. Read and checked once.

import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import { DbError, failure } from "../../proto/errors.ts";
import { isName, nameRule } from "../../proto/ids.ts";
import type { AllowList } from "./allow-list.ts";

export interface AgentConfig {
  readonly node: string;
  /** Of this node: `host:port`. */
  readonly endpoints: readonly string[];
  readonly allow: AllowList;
  readonly systemctl: string;
  readonly ocfRoot: string;
  readonly stateDirectory: string;
}

const absolute = z.string().regex(/^\/[^\0]*$/, "must be an absolute path");
const unit = z
  .string()
  .regex(/^[A-Za-z0-9:_.@\\-]+\.[a-z]+$/, "must be a unit with its type, for example postgresql.service");
const part = "(?!\\.)[A-Za-z0-9._-]+";
const ocfAgent = z
  .string()
  .regex(new RegExp(`^${part}:${part}$`), "must be provider:type, for example heartbeat:IPaddr2");
// The last are the agent's to set.
const variable = z
  .string()
  .regex(/^(?!BAILIWICK_|OCF_)[A-Za-z_][A-Za-z0-9_]*$/, "must be the name of a variable, not BAILIWICK_… or OCF_…");

const shape = z.strictObject({
  node: z.string().refine(isName, `must be the name of a node: ${nameRule}`),
  endpoints: z.array(z.string().min(1)).min(1).max(64).optional(),
  allow: z.strictObject({
    exec: z.array(absolute).max(1_024).default([]),
    systemd: z.array(unit).max(1_024).default([]),
    ocf: z.array(ocfAgent).max(1_024).default([]),
    environment: z.array(variable).max(1_024).default([]),
  }),
  systemctl: absolute.optional(),
  ocfRoot: absolute.optional(),
  stateDirectory: absolute.optional(),
});

/** @throws {DbError} `invalid_argument` that names file, field and value */
export function loadAgentConfig(file: string): AgentConfig {
  try {
    return parseAgentConfig(readFileSync(file, "utf8"), file);
  } catch (reason) {
    if (reason instanceof DbError) throw reason;
    throw refused(file, "", `cannot be read: ${reason instanceof Error ? reason.message : String(reason)}`);
  }
}

/** @param file for messages */
export function parseAgentConfig(text: string, file: string): AgentConfig {
  const value = parseYaml(text, file);
  const parsed = shape.safeParse(value);
  if (!parsed.success) throw explain(parsed.error.issues[0], value, file);
  const { node, endpoints = ["127.0.0.1:7401"], allow } = parsed.data;
  return {
    node,
    endpoints,
    allow,
    systemctl: parsed.data.systemctl ?? "/usr/bin/systemctl",
    ocfRoot: parsed.data.ocfRoot ?? "/usr/lib/ocf",
    stateDirectory: parsed.data.stateDirectory ?? `/run/bailiwick-agent/${node}`,
  };
}

function parseYaml(text: string, file: string): unknown {
  try {
    return parse(text);
  } catch (reason) {
    throw refused(file, "", `is not YAML: ${reason instanceof Error ? reason.message : String(reason)}`);
  }
}

function explain(issue: z.core.$ZodIssue | undefined, value: unknown, file: string): DbError {
  if (issue === undefined) return refused(file, "", "is refused");
  const field = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    const key = [...issue.path, ...issue.keys.slice(0, 1)].map(String).join(".");
    return refused(file, key, `has the key ${key}, which is not known`);
  }
  const found = issue.path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value);
  const what = found === undefined ? "is missing" : `is ${JSON.stringify(found)}, and ${issue.message}`;
  return refused(file, field, field === "" ? `is no list of fields: ${issue.message}` : `: ${field} ${what}`);
}

function refused(file: string, field: string, problem: string): DbError {
  const text = problem.startsWith(":") ? `${file}${problem}` : `${file} ${problem}`;
  return new DbError(failure("invalid_argument", text, field === "" ? {} : { field }));
}
