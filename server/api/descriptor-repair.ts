// The descriptor of the health service comes from protobuf.js, which writes names that other runtimes refuse: types without
// their package, and map entries without the ending `Entry`. Reflection must tell the real ones.

import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type FieldDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";

/** @returns an encoded file descriptor whose type names are complete */
export function repairDescriptor(encoded: Uint8Array): Uint8Array {
  const file = fromBinary(FileDescriptorProtoSchema, encoded);
  for (const message of file.messageType) repairMessage(message, file);
  return toBinary(FileDescriptorProtoSchema, file);
}

function repairMessage(message: DescriptorProto, file: FileDescriptorProto): void {
  const inner = new Set([...message.nestedType, ...message.enumType].map(({ name }) => name));
  const entries = message.nestedType.filter(({ options }) => options?.mapEntry === true);
  const outerScope = `.${file.package}`;
  const innerScope = `${outerScope}.${message.name}`;
  const renamed = new Map(entries.map(({ name }) => [name, `${name}Entry`]));
  for (const field of [message, ...message.nestedType].flatMap((owner) => owner.field)) {
    const { typeName } = field;
    if (!isRelative(field)) continue;
    field.typeName = `${inner.has(typeName) ? innerScope : outerScope}.${renamed.get(typeName) ?? typeName}`;
  }
  for (const entry of entries) entry.name = `${entry.name}Entry`;
}

function isRelative({ typeName }: FieldDescriptorProto): boolean {
  return typeName !== "" && !typeName.startsWith(".");
}
