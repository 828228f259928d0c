// From a protobuf service descriptor to the definitions that grpc-js works with; shared by server and client.

import {
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { MethodDefinition } from "@grpc/grpc-js";

/** What grpc-js needs to know of a method: its path, its kind, and how its messages become bytes and back. */
export function toGrpcMethod<Input extends DescMessage, Output extends DescMessage>(
  method: DescMethod & { readonly input: Input; readonly output: Output },
): MethodDefinition<MessageShape<Input>, MessageShape<Output>> {
  const { input, output, methodKind } = method;
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: methodKind === "client_streaming" || methodKind === "bidi_streaming",
    responseStream: methodKind === "server_streaming" || methodKind === "bidi_streaming",
    requestSerialize: (message) => asBuffer(toBinary(input, message)),
    requestDeserialize: (bytes) => fromBinary(input, asPlain(bytes), readOptions),
    responseSerialize: (message) => asBuffer(toBinary(output, message)),
    responseDeserialize: (bytes) => fromBinary(output, asPlain(bytes), readOptions),
    originalName: method.localName,
  };
}

/** All methods of a service, by their local names (`get`, `listGroups`). */
export function toGrpcService(
  service: DescService,
): Record<string, MethodDefinition<MessageShape<DescMessage>, MessageShape<DescMessage>>> {
  return Object.fromEntries(service.methods.map((method) => [method.localName, toGrpcMethod(method)]));
}

const readOptions = { readUnknownFields: false };

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** So that byte fields of a message are Uint8Arrays: views into a Buffer would be Buffers, whose `slice` shares memory. */
function asPlain(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
