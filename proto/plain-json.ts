// Messages as people write and read them in YAML and JSON: as protobuf's own JSON, but with enumerations short and in
// lower case (`stop`, not `LOST_QUORUM_POLICY_STOP`) and 64-bit integers as numbers. Reading accepts protobuf's forms as
// well. Dates and the other well-known types keep protobuf's form.

import type { DescEnum, DescField, DescMessage, JsonObject, JsonValue, MessageShape } from "@bufbuild/protobuf";
import { fromJson, ScalarType, toJson } from "@bufbuild/protobuf";

/**
 * @param value parsed YAML or JSON; not changed
 * @throws {Error} that begins with the path of the field, when a word of an enumeration is unknown; of the protobuf runtime, naming
 *   the field, when a field is unknown or of another type
 */
export function fromPlainJson<Schema extends DescMessage>(schema: Schema, value: JsonValue): MessageShape<Schema> {
  return fromJson(schema, mapMessage(schema, value, longWord));
}

/**
 * @param options `includeDefaults`: writes fields also when they have their default, for readers that want all of them
 * @returns JSON whose 64-bit integers are numbers up to 2^53 - 1, and text beyond
 */
export function toPlainJson<Schema extends DescMessage>(
  schema: Schema,
  message: MessageShape<Schema>,
  options: { readonly includeDefaults?: boolean } = {},
): JsonValue {
  const json: JsonValue = toJson(schema, message, { alwaysEmitImplicit: options.includeDefaults === true });
  return mapMessage(schema, json, shortLeaf);
}

/** Maps one leaf of a message's JSON; `field` tells its type, and `path` where it stands: `resources[2].run.exec.start[0]`. */
type MapLeaf = (type: LeafType, value: JsonValue, path: string) => JsonValue;
type LeafType = { readonly enum?: DescEnum | undefined; readonly scalar?: ScalarType | undefined };

function mapMessage(schema: DescMessage, value: JsonValue, mapLeaf: MapLeaf, path = ""): JsonValue {
  if (!isObject(value) || schema.typeName.startsWith("google.protobuf.")) return value;
  const fields = fieldsByName(schema);
  const mapped = Object.entries(value).map(([name, part]): [string, JsonValue] => {
    const field = fields.get(name);
    const at = path === "" ? name : `${path}.${name}`;
    return [name, field === undefined ? part : mapField(field, part, mapLeaf, at)];
  });
  return Object.fromEntries(mapped);
}

function mapField(field: DescField, value: JsonValue, mapLeaf: MapLeaf, path: string): JsonValue {
  const mapOne = (one: JsonValue, at: string) =>
    field.message === undefined ? mapLeaf(field, one, at) : mapMessage(field.message, one, mapLeaf, at);
  if (field.fieldKind === "list") {
    return Array.isArray(value) ? value.map((one, index) => mapOne(one, `${path}[${index}]`)) : value;
  }
  if (field.fieldKind !== "map") return mapOne(value, path);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, mapOne(one, `${path}.${key}`)]));
}

/** `stop` of an enumeration to `LOST_QUORUM_POLICY_STOP`. @throws {Error} when it has no such word, with those that it has */
function longWord(type: LeafType, value: JsonValue, path: string): JsonValue {
  if (type.enum === undefined || Number.isInteger(value) || value === null) return value;
  const known = type.enum.values.find((one) => wordOf(one) === value || one.name === value);
  if (known !== undefined) return known.name;
  const words = type.enum.values.filter(({ number }) => number !== 0).map(wordOf);
  throw new Error(`${path} is ${leafText(value)}, it must be one of ${words.join(", ")}`);
}

function leafText(value: JsonValue): string {
  if (Array.isArray(value)) return "a list";
  return isObject(value) ? "a map" : JSON.stringify(value);
}

function shortLeaf(type: LeafType, value: JsonValue): JsonValue {
  if (typeof value !== "string") return value;
  if (type.enum !== undefined) {
    const known = type.enum.values.find((one) => one.name === value);
    return known === undefined ? value : wordOf(known);
  }
  if (type.scalar === undefined || !longScalars.has(type.scalar)) return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

const longScalars: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT64,
  ScalarType.UINT64,
  ScalarType.SINT64,
  ScalarType.FIXED64,
  ScalarType.SFIXED64,
]);

/** The short word of an enumeration's value: its name without the enumeration's prefix, in lower case. */
function wordOf(value: DescEnum["values"][number]): string {
  const prefix = value.parent.sharedPrefix ?? "";
  return value.name.slice(prefix.length).toLowerCase();
}

function fieldsByName(schema: DescMessage): ReadonlyMap<string, DescField> {
  return new Map(schema.fields.flatMap((field) => [[field.name, field] as const, [field.jsonName, field] as const]));
}

function isObject(value: JsonValue): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
