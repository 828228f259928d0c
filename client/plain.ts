// Answers about groups, nodes and the cluster as plain values: what their messages are in plain JSON, every field there.
// Numbers for integers, lower-case words for enumerations (`unspecified`: not known), ISO 8601 text for times.

import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { toPlainJson } from "../proto/plain-json.ts";

/**
 * The plain form of a message. What may be absent in the message may be absent here. Members of a oneof are there at run
 * time, under their own names, and not in this type; 64-bit integers above 2^53 - 1, which no node hands out, are text.
 */
export type Plain<Value> = Value extends Uint8Array | Timestamp
  ? string
  : Value extends readonly (infer Item)[]
    ? readonly Plain<Item>[]
    : Value extends object
      ? { readonly [Name in keyof Value as PlainName<Name, Value[Name]>]: PlainLeaf<Value[Name]> }
      : PlainScalar<Value>;

type PlainName<Name, Member> = Name extends `$${string}`
  ? never
  : Member extends { case: string | undefined }
    ? never
    : Name;
/** Enumerations are unions, which must not be taken apart. */
type PlainLeaf<Value> = [Value] extends [number] ? (number extends Value ? number : string) : Plain<Value>;
type PlainScalar<Value> = Value extends string | boolean | undefined ? Value : number;

export function toPlain<Schema extends DescMessage>(schema: Schema, message: MessageShape<Schema>) {
  return toPlainJson(schema, message, { includeDefaults: true }) as unknown as Plain<MessageShape<Schema>>;
}
