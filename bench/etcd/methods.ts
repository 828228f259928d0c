// The little of etcd's API (3.4, package etcdserverpb) that the benchmark calls, with its messages written by hand:
//
//   service KV          { rpc Put(PutRequest) returns (PutResponse); }
//   service Maintenance { rpc Status(StatusRequest) returns (StatusResponse); }
//   message PutRequest     { bytes key = 1; bytes value = 2; }
//   message PutResponse    { ResponseHeader header = 1; }
//   message StatusRequest  {}
//   message StatusResponse { ResponseHeader header = 1; string version = 2; uint64 leader = 4; }
//   message ResponseHeader { uint64 member_id = 2; int64 revision = 3; }

import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { MethodDefinition } from "@grpc/grpc-js";
import type { Write } from "../workload.ts";

export interface Status {
  /** Who answered. */
  readonly member: string;
  /** "0": none. */
  readonly leader: string;
  readonly version: string;
}

export const putMethod: MethodDefinition<Write, number> = unary("KV/Put", {
  encode: encodePut,
  decode: (answer) => Number(headerOf(fieldsOf(answer)).revision),
});

export const statusMethod: MethodDefinition<null, Status> = unary("Maintenance/Status", {
  encode: () => new Uint8Array(0),
  decode: decodeStatus,
});

function unary<Request, Answer>(
  name: string,
  codec: { readonly encode: (request: Request) => Uint8Array; readonly decode: (bytes: Uint8Array) => Answer },
): MethodDefinition<Request, Answer> {
  const refuse = () => {
    throw new Error("The benchmark is no server of etcd's API");
  };
  return {
    path: `/etcdserverpb.${name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (request) => Buffer.from(codec.encode(request)),
    requestDeserialize: refuse,
    responseSerialize: refuse,
    responseDeserialize: codec.decode,
  };
}

function encodePut({ key, value }: Write): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.LengthDelimited).bytes(key);
  writer.tag(2, WireType.LengthDelimited).bytes(value);
  return writer.finish();
}

function decodeStatus(bytes: Uint8Array): Status {
  const fields = fieldsOf(bytes);
  const version = Buffer.from(bytesOf(fields.get(2))).toString();
  return { member: headerOf(fields).member, leader: String(fields.get(4) ?? 0), version };
}

function headerOf(fields: Fields): { readonly member: string; readonly revision: string } {
  const header = fieldsOf(bytesOf(fields.get(1)));
  return { member: String(header.get(2) ?? 0), revision: String(header.get(3) ?? 0) };
}

type Fields = ReadonlyMap<number, Uint8Array | string>;

/** By number, the last of each; only those of variable length and of integers are wanted. */
function fieldsOf(bytes: Uint8Array): Fields {
  const reader = new BinaryReader(bytes);
  const fields = new Map<number, Uint8Array | string>();
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag();
    if (type === WireType.LengthDelimited) fields.set(number, reader.bytes());
    else if (type === WireType.Varint) fields.set(number, String(reader.uint64()));
    else reader.skip(type);
  }
  return fields;
}

function bytesOf(field: Uint8Array | string | undefined): Uint8Array {
  return typeof field === "string" || field === undefined ? new Uint8Array(0) : field;
}
