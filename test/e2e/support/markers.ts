// Random bytes that can be found again on a disk: written as values, looked for in every byte of every file.

import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const markerBytes = 64;

export function createMarker(): Buffer {
  return randomBytes(markerBytes);
}

/**
 * Whether a marker, or either half of it, is anywhere in the files below `directory`. Halves, because LevelDB puts a
 * header between the blocks of a log, and a value may lie across.
 */
export function holdsMarker(directory: string, marker: Buffer): boolean {
  const halves = [marker.subarray(0, markerBytes / 2), marker.subarray(markerBytes / 2)];
  return filesBelow(directory).some((file) => {
    const bytes = readFileSync(file);
    return halves.some((half) => bytes.includes(half));
  });
}

/** Every byte below a directory; for messages about what was scanned. */
export function countBytes(directory: string): number {
  return filesBelow(directory).reduce((sum, file) => sum + readFileSync(file).byteLength, 0);
}

function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
