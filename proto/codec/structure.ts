// Codecs are values: one table per shape says both directions, so that they cannot drift apart. Scalars are in scalars.ts
// and integers.ts; here is how they are put together.

import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { CodecError } from "./codec-error.ts";

/**
 * Both directions between a domain value and its wire form. `field` names the value in errors.
 * Both throw {@link CodecError} alone, and accept the same values.
 */
export interface Codec<Domain, Wire> {
  readonly toWire: (value: Domain, field: string) => Wire;
  readonly fromWire: (wire: Wire, field: string) => Domain;
}

/** One codec per property; the wire message has a property of the same name. */
export type Fields<Domain, Wire> = {
  readonly [Name in keyof Domain]: Codec<Domain[Name], Name extends keyof Wire ? Wire[Name] : never>;
};

type Loose = Record<string, unknown>;

/** A message whose fields are the properties of a domain object. */
export function message<Domain extends object, Schema extends DescMessage>(
  schema: Schema,
  fields: Fields<Domain, MessageShape<Schema>>,
): Codec<Domain, MessageShape<Schema>> {
  const columns = Object.entries(fields as Record<string, Codec<unknown, unknown>>).map(([name, codec]) => ({
    name,
    codec,
    path: `${schema.name}.${name}`,
  }));
  return {
    toWire(value) {
      const wire = create(schema);
      for (const { name, codec, path } of columns) {
        (wire as unknown as Loose)[name] = codec.toWire((value as Loose)[name], path);
      }
      return wire;
    },
    fromWire(wire) {
      const value: Loose = {};
      for (const { name, codec, path } of columns) {
        value[name] = codec.fromWire((wire as unknown as Loose)[name], path);
      }
      return value as Domain;
    },
  };
}

interface Oneof {
  case: string | undefined;
  value?: unknown;
}

type Selected<Wire, Case> = Extract<Wire, { case: Case }> extends { value: infer Value } ? Value : never;

/** One codec per member, for its properties other than `type`; the case of the oneof is the type. */
export type Members<Domain extends { readonly type: string }, Wire extends Oneof> = {
  readonly [Type in Domain["type"]]: Codec<
    Omit<Extract<Domain, { readonly type: Type }>, "type">,
    Selected<Wire, Type>
  >;
};

/** A oneof, as a domain union told apart by `type`. */
export function union<Domain extends { readonly type: string }, Wire extends Oneof>(
  members: Members<Domain, Wire>,
): Codec<Domain, Wire> {
  const codecs = new Map<string | undefined, Codec<unknown, unknown>>(Object.entries(members));
  const member = (name: string | undefined, field: string) => {
    const codec = codecs.get(name);
    if (codec === undefined) throw new CodecError(`${field} holds ${name ?? "no member that this version knows"}`);
    return codec;
  };
  return {
    toWire: (value, field) =>
      ({ case: value.type, value: member(value.type, field).toWire(value, field) }) as unknown as Wire,
    fromWire: (wire, field) =>
      Object.assign({ type: wire.case }, member(wire.case, field).fromWire(wire.value, field)) as unknown as Domain,
  };
}

/** A message that holds nothing but one oneof, as that oneof's union. */
export function only<Domain, Schema extends DescMessage, Name extends keyof MessageShape<Schema> & string>(
  schema: Schema,
  name: Name,
  codec: Codec<Domain, MessageShape<Schema>[Name]>,
): Codec<Domain, MessageShape<Schema>> {
  const path = `${schema.name}.${name}`;
  return {
    toWire(value) {
      const wire = create(schema);
      wire[name] = codec.toWire(value, path);
      return wire;
    },
    fromWire: (wire) => codec.fromWire(wire[name], path),
  };
}

/** A member of a union where the type says which: `type` is not on the wire. */
export function tagged<Domain extends { readonly type: string }, Wire>(
  type: Domain["type"],
  codec: Codec<Omit<Domain, "type">, Wire>,
): Codec<Domain, Wire> {
  return {
    toWire: codec.toWire,
    fromWire: (wire, field) => Object.assign({ type }, codec.fromWire(wire, field)) as unknown as Domain,
  };
}

/** A submessage that must be there. */
export function required<Domain, Wire>(codec: Codec<Domain, Wire>): Codec<Domain, Wire | undefined> {
  return {
    toWire: codec.toWire,
    fromWire(wire, field) {
      if (wire === undefined) throw new CodecError(`${field} is absent`);
      return codec.fromWire(wire, field);
    },
  };
}

/** Absence on the wire is null in the domain. */
export function nullable<Domain, Wire>(codec: Codec<Domain, Wire>): Codec<Domain | null, Wire | undefined> {
  return {
    toWire: (value, field) => (value === null ? undefined : codec.toWire(value, field)),
    fromWire: (wire, field) => (wire === undefined ? null : codec.fromWire(wire, field)),
  };
}

/** @param itemsMax most items accepted */
export function list<Domain, Wire>(codec: Codec<Domain, Wire>, itemsMax: number): Codec<readonly Domain[], Wire[]> {
  const check = (count: number, field: string) => {
    if (count > itemsMax) throw new CodecError(`${field} has ${count} items, the limit is ${itemsMax}`);
  };
  return {
    toWire(values, field) {
      check(values.length, field);
      return values.map((value) => codec.toWire(value, field));
    },
    fromWire(wire, field) {
      check(wire.length, field);
      return wire.map((item) => codec.fromWire(item, field));
    },
  };
}

/** A domain value as the bytes of its message, and back. */
export interface ByteCodec<Domain> {
  /** @throws {CodecError} when the value is outside the protocol */
  readonly encode: (value: Domain) => Uint8Array;
  /** @throws {CodecError} on anything that `encode` would not write; byte fields of the result are views into `bytes` */
  readonly decode: (bytes: Uint8Array) => Domain;
}

const readOptions = { readUnknownFields: false };

/** @param bytesMax longest encoding accepted */
export function inBytes<Domain, Schema extends DescMessage>(
  schema: Schema,
  codec: Codec<Domain, MessageShape<Schema>>,
  bytesMax: number,
): ByteCodec<Domain> {
  const check = (bytes: Uint8Array) => {
    if (bytes.byteLength <= bytesMax) return bytes;
    throw new CodecError(`${schema.name} has ${bytes.byteLength} bytes, the limit is ${bytesMax}`);
  };
  const parse = (bytes: Uint8Array) => {
    try {
      return fromBinary(schema, bytes, readOptions);
    } catch (reason) {
      throw new CodecError(`${schema.name} of ${bytes.byteLength} bytes is malformed`, reason);
    }
  };
  return {
    encode: (value) => check(toBinary(schema, codec.toWire(value, schema.name))),
    decode: (bytes) => codec.fromWire(parse(check(bytes)), schema.name),
  };
}
