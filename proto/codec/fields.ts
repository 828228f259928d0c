// How the values of one field become bytes, in the form in which @bufbuild/protobuf writes them, and are read again. What there
// is to know of a field is looked up once, when the codec is made.

import { type DescField, type DescMessage, type DescOneof, ScalarType } from "@bufbuild/protobuf";
import { type BinaryReader, type BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { FeatureSet_FieldPresence as Presence } from "@bufbuild/protobuf/wkt";
import { assert } from "../assert.ts";
import { CodecError } from "./codec-error.ts";

/** A field of a message that is in no oneof, or a oneof. */
export type Member = DescField | DescOneof;

/** Puts a value into the bytes of a message. `field` names it in errors. */
export type Write<Domain> = (writer: BinaryWriter, value: Domain, field: string) => void;

/** How the value of a member is read. */
export interface Reading<Domain> {
  /** By the tags that announce it: of a oneof, those of all its fields. */
  readonly fields: readonly FieldReading<Domain>[];
  /** What it is when the bytes do not hold it. */
  readonly absent: (field: string) => Domain;
}

export interface FieldReading<Domain> {
  readonly tag: number;
  /** @param before what the bytes held of it already; undefined: nothing */
  readonly read: (reader: BinaryReader, before: Domain | undefined, field: string) => Domain;
}

interface Form {
  readonly wireType: WireType;
  readonly put: (writer: BinaryWriter, value: never) => unknown;
  readonly take: (reader: BinaryReader) => unknown;
  readonly zero: unknown;
  readonly isZero: (value: never) => boolean;
}

const enumForm: Form = {
  wireType: WireType.Varint,
  put: (writer, value: number) => writer.int32(value),
  take: (reader) => reader.int32(),
  zero: 0,
  isZero: (value: number) => value === 0,
};

const uint32Max = 2 ** 32 - 1;

/** Those that messages between nodes and rows on disk are made of. */
const scalarForms: { readonly [Type in ScalarType]?: Form } = {
  [ScalarType.STRING]: {
    wireType: WireType.LengthDelimited,
    put: (writer, value: string) => writer.string(value),
    take: (reader) => reader.string(true),
    zero: "",
    isZero: (value: string) => value === "",
  },
  [ScalarType.BYTES]: {
    wireType: WireType.LengthDelimited,
    put: (writer, value: Uint8Array) => writer.bytes(value),
    take: (reader) => reader.bytes(),
    zero: new Uint8Array(0),
    isZero: (value: Uint8Array) => value.byteLength === 0,
  },
  [ScalarType.BOOL]: {
    wireType: WireType.Varint,
    put: (writer, value: boolean) => writer.bool(value),
    take: (reader) => reader.bool(),
    zero: false,
    isZero: (value: boolean) => !value,
  },
  [ScalarType.UINT32]: {
    wireType: WireType.Varint,
    put: (writer, value: number) => writer.uint32(value),
    take: (reader) => reader.uint32(),
    zero: 0,
    isZero: (value: number) => value === 0,
  },
  // A varint is the same bytes whatever the width of its type; the wider one goes by way of a bigint.
  [ScalarType.UINT64]: {
    wireType: WireType.Varint,
    put: (writer, value: number) => (value <= uint32Max ? writer.uint32(value) : writer.uint64(value)),
    take: takeUint64,
    zero: 0,
    isZero: (value: number) => value === 0,
  },
  [ScalarType.FIXED64]: {
    wireType: WireType.Bit64,
    put: (writer, value: bigint) => writer.fixed64(value),
    take: (reader) => reader.fixed64(),
    zero: 0n,
    isZero: (value: bigint) => value === 0n,
  },
  [ScalarType.DOUBLE]: {
    wireType: WireType.Bit64,
    put: (writer, value: number) => writer.double(value),
    take: (reader) => reader.double(),
    zero: 0,
    isZero: (value: number) => Object.is(value, 0),
  },
};

/** Up to so many bytes of a varint hold what a number of 32 bits takes in whole. */
const shortVarintBytes = 4;

function takeUint64(reader: BinaryReader): unknown {
  const start = reader.pos;
  const value = reader.uint32();
  if (reader.pos - start <= shortVarintBytes) return value;
  reader.pos = start;
  return reader.uint64();
}

function formOf({ enum: closed, scalar }: DescField): Form | undefined {
  if (closed !== undefined) return enumForm;
  return scalar === undefined ? undefined : scalarForms[scalar];
}

/** What precedes the value of a field. A field that comes with another type of wire counts as one that is not known. */
export function tagOf(number: number, wireType: WireType): number {
  return ((number << 3) | wireType) >>> 0;
}

/** The field that a member is: a value by itself, or every item of a list. */
function fieldOf(member: Member): DescField {
  assert(member.kind === "field", () => `${member.toString()} is no field`);
  return member;
}

/** Whether absence differs from a zero. */
export function hasPresence(member: Member): boolean {
  const field = fieldOf(member);
  return field.fieldKind !== "list" && field.presence !== Presence.IMPLICIT;
}

/** Whether it is a list of which each item stands by itself. */
export function isPlainList(member: Member): boolean {
  const field = fieldOf(member);
  return field.fieldKind === "list" && !field.packed;
}

function scalarOf(member: Member): { readonly field: DescField; readonly form: Form; readonly tag: number } {
  const field = fieldOf(member);
  const form = formOf(field);
  assert(form !== undefined, () => `${field.toString()} is of a type that no codec knows`);
  return { field, form, tag: tagOf(field.number, form.wireType) };
}

/** @param toWire checks the value, and makes of it what the field holds; undefined: nothing is written */
export function scalarWriter<Domain>(member: Member, toWire: (value: Domain, field: string) => unknown): Write<Domain> {
  const { field, form, tag } = scalarOf(member);
  const { put, isZero } = form;
  const isZeroWritten = field.fieldKind === "list" || hasPresence(field);
  return (writer, value, name) => {
    const wire = toWire(value, name) as never;
    if (wire === undefined || (!isZeroWritten && isZero(wire))) return;
    put(writer.uint32(tag), wire);
  };
}

/** @param fromWire checks what the field holds, and makes the value of it */
export function scalarReading<Domain, Wire>(
  member: Member,
  fromWire: (wire: Wire, field: string) => Domain,
): Reading<Domain> {
  const { field, form, tag } = scalarOf(member);
  const { take, zero } = form;
  const none = (hasPresence(field) ? undefined : zero) as Wire;
  const read: FieldReading<Domain>["read"] = (reader, before, name) => {
    if (before !== undefined) throw comesTwice(name);
    return fromWire(take(reader) as Wire, name);
  };
  return { fields: [{ tag, read }], absent: (name) => fromWire(none, name) };
}

function tagOfMessage(member: Member, schema: DescMessage): number {
  const field = fieldOf(member);
  assert(field.message === schema, () => `${field.toString()} holds no ${schema.typeName}`);
  return tagOf(field.number, WireType.LengthDelimited);
}

/** @param write writes the fields of a message of this type */
export function messageWriter<Domain>(member: Member, schema: DescMessage, write: Write<Domain>): Write<Domain> {
  const tag = tagOfMessage(member, schema);
  return (writer, value, name) => {
    writer.uint32(tag).fork();
    write(writer, value, name);
    writer.join();
  };
}

/** @param read reads the fields of a message of this type, which are all that there is up to `end` */
export function messageReading<Domain>(
  member: Member,
  schema: DescMessage,
  read: (reader: BinaryReader, end: number) => Domain,
): Reading<Domain> {
  const readField: FieldReading<Domain>["read"] = (reader, before, name) => {
    if (before !== undefined) throw comesTwice(name);
    const length = reader.uint32();
    return read(reader, reader.pos + length);
  };
  const absent = (name: string) => {
    throw new CodecError(`${name} is absent`);
  };
  return { fields: [{ tag: tagOfMessage(member, schema), read: readField }], absent };
}

/** What no encoder does. Other decoders of the format would take the last, or merge them. */
export function comesTwice(field: string): CodecError {
  return new CodecError(`${field} comes twice`);
}

/** @returns the member of a message that its generated type has under this name */
export function memberOf(schema: DescMessage, name: string): Member {
  const member = schema.members.find(({ localName }) => localName === name);
  assert(member !== undefined, () => `${schema.typeName} has no ${name}`);
  return member;
}

/** Fields are written in the order of their numbers; those of a oneof follow each other. */
export function orderOf(member: Member): number {
  return member.kind === "field" ? member.number : Math.min(...member.fields.map(({ number }) => number));
}
