// Codecs are values: one table per shape says both directions, so that they cannot drift apart. Scalars are in scalars.ts
// and integers.ts; here is how they are put together. Values become bytes at once, without a message in between, and in
// memory that is used again: most of what an encoding costs else is the memory that it grows in.

import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { assert, present } from "../assert.ts";
import { CodecError } from "./codec-error.ts";
import {
  comesTwice,
  type FieldReading,
  hasPresence,
  isPlainList,
  type Member,
  memberOf,
  messageReading,
  messageWriter,
  orderOf,
  type Reading,
  tagOf,
  type Write,
} from "./fields.ts";

/**
 * Both directions between a domain value and its wire form. `field` names the value in errors.
 * Both throw {@link CodecError} alone, and accept the same values.
 */
export interface Codec<Domain, Wire> {
  /** How to write values into this member of a message. */
  readonly writer: (member: Member) => Write<Domain>;
  /** How to read them from it. */
  readonly reading: (member: Member) => Reading<Domain>;
  /** Never there: what the generated message has in this place, so that a table that does not fit is an error of types. */
  readonly wire?: (wire: Wire) => Wire;
}

/** Of a whole message. */
export interface MessageCodec<Domain, Wire> extends Codec<Domain, Wire> {
  /** Writes the fields alone. */
  readonly write: Write<Domain>;
  /** Reads the fields alone, up to `end`. */
  readonly read: (reader: BinaryReader, end: number) => Domain;
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
): MessageCodec<Domain, MessageShape<Schema>> {
  const columns = columnsOf(schema, fields as unknown as Record<string, Codec<unknown, unknown>>);
  const inOrder = columns.toSorted((left, right) => left.order - right.order);
  const positions = new Map(
    columns.flatMap(({ path, readings }, at) => readings.map(({ tag, read }) => [tag, { at, path, read }] as const)),
  );
  return ofMessage<Domain, Schema>(schema, {
    write(writer, value) {
      for (const column of inOrder) column.write(writer, (value as Loose)[column.name], column.path);
    },
    read(reader, end) {
      const found = new Array<unknown>(columns.length);
      while (reader.pos < end) {
        const [number, wireType] = reader.tag();
        const position = positions.get(tagOf(number, wireType));
        if (position === undefined) reader.skip(wireType, number);
        else found[position.at] = position.read(reader, found[position.at], position.path);
      }
      checkEnd(reader, end, schema.name);
      const value: Loose = {};
      let at = 0;
      for (const { name, path, absent } of columns) {
        const each = found[at++];
        value[name] = each === undefined ? absent(path) : each;
      }
      return value as Domain;
    },
  });
}

function columnsOf(schema: DescMessage, fields: Record<string, Codec<unknown, unknown>>) {
  return Object.entries(fields).map(([name, codec]) => {
    const member = memberOf(schema, name);
    const path = `${schema.name}.${name}`;
    const { fields: readings, absent } = codec.reading(member);
    return { name, path, order: orderOf(member), write: codec.writer(member), readings, absent };
  });
}

function ofMessage<Domain, Schema extends DescMessage>(
  schema: Schema,
  { write, read }: Pick<MessageCodec<Domain, MessageShape<Schema>>, "write" | "read">,
): MessageCodec<Domain, MessageShape<Schema>> {
  return {
    write,
    read,
    writer: (member) => messageWriter(member, schema, write),
    reading: (member) => messageReading(member, schema, read),
  };
}

/** A field that reaches beyond its message. */
function checkEnd(reader: BinaryReader, end: number, name: string): void {
  if (reader.pos !== end) throw new CodecError(`${name} ends within a field`);
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
  const codecs = Object.entries(members) as [string, Codec<object, unknown>][];
  return {
    writer(oneof) {
      const writes = new Map(codecs.map(([type, codec]) => [type, codec.writer(caseOf(oneof, type))]));
      return (writer, value, field) => {
        const write = writes.get(value.type);
        if (write === undefined) throw new CodecError(`${field} holds ${value.type}`);
        write(writer, value, field);
      };
    },
    reading: (oneof) => ({
      fields: codecs.flatMap(([type, codec]) =>
        codec.reading(caseOf(oneof, type)).fields.map((field) => typed<Domain>(type, field)),
      ),
      absent(field) {
        throw new CodecError(`${field} holds no member that this version knows`);
      },
    }),
  };
}

/** The field of a oneof that has this name. */
function caseOf(oneof: Member, name: string): Member {
  assert(oneof.kind === "oneof", () => `${oneof.toString()} is no oneof`);
  return present(
    oneof.fields.find(({ localName }) => localName === name),
    name,
  );
}

/** Says of what is read which member of the union it is. */
function typed<Domain extends { readonly type: string }>(
  type: Domain["type"],
  { tag, read }: FieldReading<object>,
): FieldReading<Domain> {
  return {
    tag,
    read(reader, before, field) {
      if (before !== undefined) throw comesTwice(field);
      const value = read(reader, undefined, field) as { type?: string };
      value.type = type;
      return value as Domain;
    },
  };
}

/** A message that holds nothing but one oneof, as that oneof's union. */
export function only<Domain, Schema extends DescMessage, Name extends keyof MessageShape<Schema> & string>(
  schema: Schema,
  name: Name,
  codec: Codec<Domain, MessageShape<Schema>[Name]>,
): MessageCodec<Domain, MessageShape<Schema>> {
  const path = `${schema.name}.${name}`;
  const member = memberOf(schema, name);
  const writeMember = codec.writer(member);
  const { fields, absent } = codec.reading(member);
  const reads = new Map(fields.map(({ tag, read }) => [tag, read]));
  return ofMessage<Domain, Schema>(schema, {
    write: (writer, value) => writeMember(writer, value, path),
    read(reader, end) {
      let found: Domain | undefined;
      while (reader.pos < end) {
        const [number, wireType] = reader.tag();
        const read = reads.get(tagOf(number, wireType));
        if (read === undefined) reader.skip(wireType, number);
        else found = read(reader, found, path);
      }
      checkEnd(reader, end, schema.name);
      return found === undefined ? absent(path) : found;
    },
  });
}

/** A member of a union where the type says which: `type` is not on the wire. */
export function tagged<Domain extends { readonly type: string }, Wire>(
  type: Domain["type"],
  codec: Codec<Omit<Domain, "type">, Wire>,
): Codec<Domain, Wire> {
  return {
    writer: codec.writer,
    reading(member) {
      const { fields, absent } = codec.reading(member);
      return {
        fields: fields.map((field) => typed<Domain>(type, field as unknown as FieldReading<object>)),
        absent: absent as Reading<Domain>["absent"],
      };
    },
  };
}

/** A message that has to be right as a whole too. @param check throws {@link CodecError} */
export function refined<Domain, Wire>(
  codec: MessageCodec<Domain, Wire>,
  check: (value: Domain, field: string) => void,
): Codec<Domain, Wire> {
  const checked = (value: Domain, field: string) => {
    check(value, field);
    return value;
  };
  return mapped(codec, { to: checked, from: checked });
}

/** A value that is written, and read, as a message of another shape. */
export function mapped<Domain, As, Wire>(
  codec: MessageCodec<As, Wire>,
  {
    to,
    from,
  }: { readonly to: (value: Domain, field: string) => As; readonly from: (value: As, field: string) => Domain },
): Codec<Domain, Wire> {
  return {
    writer(member) {
      const write = codec.writer(member);
      return (writer, value, field) => write(writer, to(value, field), field);
    },
    reading(member) {
      const { fields, absent } = codec.reading(member);
      return {
        fields: fields.map(({ tag, read }) => ({
          tag,
          read(reader, before, field) {
            if (before !== undefined) throw comesTwice(field);
            return from(read(reader, undefined, field), field);
          },
        })),
        absent: (field) => from(absent(field), field),
      };
    },
  };
}

/** A submessage that must be there. */
export function required<Domain, Wire>({ writer, reading }: Codec<Domain, Wire>): Codec<Domain, Wire | undefined> {
  return { writer, reading };
}

/** Absence on the wire is null in the domain. */
export function nullable<Domain, Wire>(codec: Codec<Domain, Wire>): Codec<Domain | null, Wire | undefined> {
  return {
    writer(member) {
      assert(hasPresence(member), () => `${member.toString()} cannot be absent`);
      const write = codec.writer(member);
      return (writer, value, field) => {
        if (value !== null) write(writer, value, field);
      };
    },
    reading: (member) => ({
      fields: codec.reading(member).fields as readonly FieldReading<Domain | null>[],
      absent: () => null,
    }),
  };
}

/** @param itemsMax most items accepted */
export function list<Domain, Wire>(codec: Codec<Domain, Wire>, itemsMax: number): Codec<readonly Domain[], Wire[]> {
  const check = (count: number, field: string) => {
    if (count > itemsMax) throw new CodecError(`${field} has ${count} items, the limit is ${itemsMax}`);
  };
  return {
    writer(member) {
      assert(isPlainList(member), () => `${member.toString()} is no list of items by themselves`);
      const write = codec.writer(member);
      return (writer, values, field) => {
        check(values.length, field);
        for (const value of values) write(writer, value, field);
      };
    },
    reading: (member) => ({
      fields: codec.reading(member).fields.map(({ tag, read }) => ({
        tag,
        read(reader, before, field) {
          const items = (before ?? []) as Domain[];
          items.push(read(reader, undefined, field));
          check(items.length, field);
          return items;
        },
      })),
      absent: () => [],
    }),
  };
}

/** A domain value as the bytes of its message, and back. */
export interface ByteCodec<Domain> {
  /** @throws {CodecError} when the value is outside the protocol */
  readonly encode: (value: Domain) => Uint8Array;
  /** @throws {CodecError} on anything that `encode` would not write; byte fields of the result are views into `bytes` */
  readonly decode: (bytes: Uint8Array) => Domain;
}

/** What a writer may hold on to between two messages. */
const keptBytesMax = 64 * 1024;

/** @param bytesMax longest encoding accepted */
export function inBytes<Domain, Schema extends DescMessage>(
  schema: Schema,
  codec: MessageCodec<Domain, MessageShape<Schema>>,
  bytesMax: number,
): ByteCodec<Domain> {
  const check = (bytes: Uint8Array) => {
    if (bytes.byteLength <= bytesMax) return bytes;
    throw new CodecError(`${schema.name} has ${bytes.byteLength} bytes, the limit is ${bytesMax}`);
  };
  const read = (bytes: Uint8Array) => {
    try {
      return codec.read(new BinaryReader(bytes), bytes.byteLength);
    } catch (reason) {
      if (reason instanceof CodecError) throw reason;
      throw new CodecError(`${schema.name} of ${bytes.byteLength} bytes is malformed`, reason);
    }
  };
  // One message after the other is written in its memory, and cut out of it.
  let writer = new BinaryWriter();
  const write = (value: Domain) => {
    try {
      codec.write(writer, value, schema.name);
    } catch (reason) {
      writer = new BinaryWriter();
      throw reason;
    }
    const bytes = writer.finish();
    if (bytes.byteLength > keptBytesMax) writer = new BinaryWriter();
    return bytes;
  };
  return {
    encode: (value) => check(write(value)),
    decode: (bytes) => read(check(bytes)),
  };
}
