// What lets tools find their way without our schema: the standard health and reflection services.

import { type DescFile, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import type { Server } from "@grpc/grpc-js";
import { ReflectionService } from "@grpc/reflection";
import { HealthImplementation, service as healthService } from "grpc-health-check";
import { repairDescriptor } from "./descriptor-repair.ts";
import type { ApiService } from "./service.ts";

/** Adds health, SERVING for the process (the empty name) and each service by its full name. */
export function addHealth(server: Server, services: readonly ApiService[]): HealthImplementation {
  const health = new HealthImplementation(Object.fromEntries(healthNames(services).map((name) => [name, "SERVING"])));
  health.addToServer(server);
  return health;
}

/** Tells those who watch that no more calls should come. */
export function stopHealth(health: HealthImplementation, services: readonly ApiService[]): void {
  for (const name of healthNames(services)) health.setStatus(name, "NOT_SERVING");
}

function healthNames(services: readonly ApiService[]): readonly string[] {
  return ["", ...services.map(({ descriptor }) => descriptor.typeName)];
}

type Package = ConstructorParameters<typeof ReflectionService>[0];

/** Adds reflection (v1 and v1alpha) over all services, health among them. */
export function addReflection(server: Server, services: readonly ApiService[]): void {
  const files = new Set<DescFile>();
  for (const { descriptor } of services) collect(descriptor.file, files);
  const ours = [...files].map((file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)));
  const health = Object.values(healthService).flatMap(({ requestType }) => requestType.fileDescriptorProtos);
  const theirs = health.map((file) => Buffer.from(repairDescriptor(file)));
  const described = { ours: { fileDescriptorProtos: [...ours, ...theirs] } };
  new ReflectionService(described as unknown as Package).addToServer(server);
}

/** A file and all that it imports, imports first. */
function collect(file: DescFile, files: Set<DescFile>): void {
  if (files.has(file)) return;
  for (const imported of file.dependencies) collect(imported, files);
  files.add(file);
}
