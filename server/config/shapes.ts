// Checks a YAML file against a shape: unknown keys are refused with the one that was probably meant, and every refusal
// names the field, its value and where it stands.

import { z } from "zod";
import { closestName } from "../../proto/closest-name.ts";
import type { DbError } from "../../proto/errors.ts";
import { shownValue } from "../../proto/shown-value.ts";
import { type FieldPath, textOfPath, type YamlSource } from "./yaml-source.ts";

/** Keys that a file may hold by its schema, and that this version does not act on. */
export type UnusedKeys = Readonly<Record<string, string>>;

/**
 * @param unused by path without positions, for example `nodes.capacity`: why the key is refused
 * @throws {DbError} `invalid_argument` for the first thing that is wrong
 */
export function checkShape<Shape extends z.ZodType>(
  source: YamlSource,
  shape: Shape,
  unused: UnusedKeys = {},
): z.output<Shape> {
  const parsed = shape.safeParse(source.value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue === undefined) throw source.problem([], "The file is refused");
  throw refusal(source, shape, issue, unused);
}

function refusal(source: YamlSource, shape: z.ZodType, issue: z.core.$ZodIssue, unused: UnusedKeys): DbError {
  const { path } = issue;
  if (issue.code === "unrecognized_keys") {
    const key = issue.keys[0] ?? "";
    return source.problemWithKey([...path, key], unknownKey(key, keysAt(shape, path), unusedReason(path, key, unused)));
  }
  if (issue.code === "invalid_key") {
    return source.problemWithKey(path, `Key ${shownValue(path.at(-1))} ${issue.issues[0]?.message}`);
  }
  const value = source.valueAt(path);
  if (value === undefined) return source.problem(path, `${textOfPath(path)} is missing`);
  const text =
    issue.code === "invalid_type"
      ? `must be ${article(issue.expected)}, not ${shownValue(value)}`
      : `is ${shownValue(value)}, it ${issue.message}`;
  return source.problem(path, `${subject(path)} ${text}`);
}

function unknownKey(key: string, known: readonly string[], unusedFor: string | undefined): string {
  if (unusedFor !== undefined) return `Key "${key}" is not used by this version: ${unusedFor}; leave it out`;
  const meant = closestName(key, known);
  const list = known.join(", ");
  return meant === null ? `Unknown key "${key}"; known are ${list}` : `Unknown key "${key}"; did you mean "${meant}"?`;
}

function unusedReason(path: FieldPath, key: string, unused: UnusedKeys): string | undefined {
  const names = [...path, key].filter((part) => typeof part === "string").join(".");
  return Object.hasOwn(unused, names) ? unused[names] : undefined;
}

/** The keys that the shape takes at a path. */
function keysAt(shape: z.ZodType, path: FieldPath): string[] {
  let at: unknown = shape;
  for (const key of path) {
    const inner = unwrapped(at);
    at = inner instanceof z.ZodArray ? inner.element : inner instanceof z.ZodObject ? inner.shape[String(key)] : null;
  }
  const inner = unwrapped(at);
  return inner instanceof z.ZodObject ? Object.keys(inner.shape) : [];
}

function unwrapped(shape: unknown): unknown {
  return shape instanceof z.ZodOptional || shape instanceof z.ZodDefault ? unwrapped(shape.unwrap()) : shape;
}

function subject(path: FieldPath): string {
  return path.length === 0 ? "The file" : textOfPath(path);
}

function article(expected: string): string {
  if (expected === "object" || expected === "record") return "a map";
  if (expected === "array") return "a list";
  if (expected === "int") return "a whole number";
  if (expected === "boolean") return "true or false";
  return expected === "string" ? "a text" : `a ${expected}`;
}
