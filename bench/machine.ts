// What the figures were measured on.

import { readFileSync, realpathSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly node: string;
  readonly kernel: string;
  /** Type of the file system that holds the data. */
  readonly fileSystem: string;
}

/** @param directory where the benchmark keeps its data */
export function describeMachine(directory: string): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? "unknown",
    cores: processors.length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    kernel: release(),
    fileSystem: fileSystemOf(directory),
  };
}

export function textOfMachine(machine: Machine): string {
  const { cpu, cores, memoryGib, node, kernel, fileSystem } = machine;
  return `${cores} x ${cpu}, ${memoryGib} GiB, Linux ${kernel}, Node ${node}, data on ${fileSystem}`;
}

/** In memory a sync costs nothing, and the figures say nothing about disks. */
export function isInMemory({ fileSystem }: Machine): boolean {
  return fileSystem === "tmpfs" || fileSystem === "ramfs";
}

/** Type of the mount that holds the directory: the one with the longest mount point above it, the latest of several. */
function fileSystemOf(directory: string): string {
  const path = realpathSync(directory);
  const mounts = readFileSync("/proc/self/mounts", "utf8").trimEnd().split("\n");
  const above = mounts
    .map((line) => line.split(" "))
    .filter(([, point = ""]) => point === "/" || path === point || path.startsWith(`${point}/`))
    .toSorted(([, left = ""], [, right = ""]) => left.length - right.length);
  return above.at(-1)?.[2] ?? "unknown";
}
