// A YAML file as text and as a value, with the way back from a field to its line and column.

import { type Document, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument } from "yaml";
import { DbError, failure } from "../../proto/errors.ts";

/** From the top of the file: keys of maps and positions in lists. */
export type FieldPath = readonly PropertyKey[];

export class YamlSource {
  readonly file: string;
  /** Maps as plain objects. */
  readonly value: unknown;
  readonly #document: Document;
  readonly #lines: LineCounter;

  private constructor(file: string, document: Document, lines: LineCounter) {
    this.file = file;
    this.#document = document;
    this.#lines = lines;
    this.value = this.#toValue();
  }

  /** @throws {DbError} `invalid_argument` with line and column when the text is not one YAML document */
  static parse(file: string, text: string): YamlSource {
    const lineCounter = new LineCounter();
    const document = parseDocument(text, { lineCounter, prettyErrors: false });
    return new YamlSource(file, document, lineCounter);
  }

  /** The value of a field; undefined when it is not there. */
  valueAt(path: FieldPath): unknown {
    return path.reduce<unknown>((value, key) => {
      return typeof value === "object" && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined;
    }, this.value);
  }

  /** What is wrong with a field, at its value; at what should hold it when it is missing. */
  problem(path: FieldPath, message: string): DbError {
    const found = this.#find(path);
    return this.#errorAt(found.node?.range?.[0] ?? 0, path, message);
  }

  /** What is wrong with a field's name, at the name. */
  problemWithKey(path: FieldPath, message: string): DbError {
    const { pair, node } = this.#find(path);
    const key = pair?.key as Node | undefined;
    return this.#errorAt(key?.range?.[0] ?? node?.range?.[0] ?? 0, path, message);
  }

  /** The path of the first field of this name below `path`; `path` itself when there is none. */
  findKey(path: FieldPath, name: string): FieldPath {
    return findBelow(this.valueAt(path), path, name) ?? path;
  }

  #toValue(): unknown {
    const broken = this.#document.errors[0];
    if (broken !== undefined) {
      throw this.#errorAt(broken.pos[0], [], `Not YAML: ${broken.message.replace(/[.\s]+$/, "")}`);
    }
    try {
      return this.#document.toJS({ maxAliasCount: 100 });
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw this.#errorAt(0, [], `Not YAML: ${message}`);
    }
  }

  /** As far down the path as there is something. */
  #find(path: FieldPath): { readonly node: Node | null; readonly pair: Pair | null } {
    let node = this.#document.contents as Node | null;
    let pair: Pair | null = null;
    for (const key of path) {
      const next = childOf(node, key);
      if (next === null) return { node, pair: null };
      pair = next.pair;
      node = next.node ?? (next.pair?.key as Node | undefined) ?? node;
    }
    return { node, pair };
  }

  #errorAt(offset: number, path: FieldPath, message: string): DbError {
    const { line, col } = this.#lines.linePos(offset);
    const details = path.length === 0 ? {} : { field: textOfPath(path) };
    return new DbError(failure("invalid_argument", `${this.file}:${line}:${col}: ${message}`, details));
  }
}

/** `nodes[2].labels.failure-domain` */
export function textOfPath(path: FieldPath): string {
  return path.reduce<string>((text, key) => {
    if (typeof key === "number") return `${text}[${key}]`;
    return text === "" ? String(key) : `${text}.${String(key)}`;
  }, "");
}

function childOf(
  node: Node | null,
  key: PropertyKey,
): { readonly node: Node | null; readonly pair: Pair | null } | null {
  if (isSeq(node)) {
    const item = node.items[Number(key)] as Node | undefined;
    return item === undefined ? null : { node: item, pair: null };
  }
  if (!isMap(node)) return null;
  const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
  return pair === undefined ? null : { node: pair.value as Node | null, pair: pair as Pair };
}

function findBelow(value: unknown, path: FieldPath, name: string): FieldPath | null {
  if (typeof value !== "object" || value === null) return null;
  if (!Array.isArray(value) && Object.hasOwn(value, name)) return [...path, name];
  for (const [key, part] of Object.entries(value)) {
    const found = findBelow(part, [...path, Array.isArray(value) ? Number(key) : key], name);
    if (found !== null) return found;
  }
  return null;
}
