// What the figures were measured on.

import { readFileSync, realpathSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly node: string;
  readonly kernel: string;
  /** Type of the file system that holds the data. */
  readonly fileSystem: string;
  /** Processes that wanted to run in the last minute before the benchmark, on average. */
  readonly loadBefore: number;
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
    loadBefore: loadavg()[0] ?? 0,
  };
}

export function textOfMachine(machine: Machine): string {
  const { cpu, cores, memoryGib, node, kernel, fileSystem, loadBefore } = machine;
  return (
    `${cores} x ${cpu}, ${memoryGib} GiB, Linux ${kernel}, Node ${node}, data on ${fileSystem}, ` +
    `load before ${loadBefore.toFixed(1)}`
  );
}

/** What makes the figures say something else than they seem to. */
export function warningsOf({ fileSystem, cores, loadBefore }: Machine): readonly string[] {
  const warnings: string[] = [];
  if (fileSystem === "tmpfs" || fileSystem === "ramfs") {
    warnings.push("The data is in memory, where a sync costs nothing; choose a disk with --dir");
  }
  if (loadBefore > cores / 4) {
    warnings.push(
      `Other programs were using this machine (load ${loadBefore.toFixed(1)} on ${cores} cores): figures are too low, ` +
        "times too long, and ratios rough",
    );
  }
  return warnings;
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
