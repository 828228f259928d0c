// Files that the command line names.

import type { Document } from "yaml";
import type { CliDeps } from "./cli-deps.ts";
import { decodeUtf8 } from "./key-text.ts";
import { UsageError } from "./usage-error.ts";

/** @throws {UsageError} when it cannot be read */
export async function readInputFile(path: string, deps: CliDeps): Promise<Uint8Array> {
  try {
    return await deps.readFile(path);
  } catch (reason) {
    const code = reason instanceof Error && "code" in reason ? String(reason.code) : String(reason);
    throw new UsageError(`Cannot read ${path}: ${code}`);
  }
}

/**
 * A file of YAML, or of JSON, which is YAML.
 *
 * @param otherBytes how the file may say what is no UTF-8; empty: it cannot
 * @throws {UsageError} when it cannot be read or is malformed, with line and column
 */
export async function readYamlFile(path: string, deps: CliDeps, otherBytes = ""): Promise<unknown> {
  const bytes = await readInputFile(path, deps);
  const text = decodeUtf8(bytes);
  if (text === null) throw new UsageError(`${path} is not UTF-8${otherBytes && `: ${otherBytes}`}`);
  const { parseDocument } = await import("yaml");
  const document = parseDocument(text, { prettyErrors: true });
  const [error] = document.errors;
  if (error === undefined) return toValue(document, path);
  const { line, col } = error.linePos?.[0] ?? { line: 1, col: 1 };
  const [what] = error.message.split(/ at line [0-9]+, column [0-9]+/);
  throw new UsageError(`${path}:${line}:${col}: ${what}`);
}

/** Aliases are followed here, and not before: one may lead nowhere, or all of them to too much. */
function toValue(document: Document, path: string): unknown {
  try {
    return document.toJS() as unknown;
  } catch (reason) {
    throw new UsageError(`${path}: ${reason instanceof Error ? reason.message : String(reason)}`);
  }
}
