// What is on disk beside agent and guard: the id that marks processes, the groups that the guard holds, its socket and its log.
// Nothing here has to outlive a start of the machine, after which nothing runs.

import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { agentLimits } from "./agent-limits.ts";
import { readBootId } from "./boot-clock.ts";
import type { LeftoverGroup } from "./guard.ts";

export class StateDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  get socket(): string {
    return join(this.path, "guard.sock");
  }

  get log(): string {
    return join(this.path, "guard.log");
  }

  /** Where the standard error of an action is kept until the next one. */
  stderrFile(group: string, resource: string, action: string): string {
    return join(this.path, "actions", `${group}.${resource}.${action}`);
  }

  /** The same by whatever path it is reached, until the machine is started again. @throws {Error} when it is not there */
  get identity(): string {
    const { dev, ino } = statSync(this.path);
    return `${dev}-${ino}`;
  }

  /** Makes it, for its user alone. @throws {Error} when its path is too long for a socket, or it cannot be made */
  prepare(): void {
    if (Buffer.byteLength(this.socket) > agentLimits.socketPathBytesMax) {
      throw new Error(`${this.socket} has more than the ${agentLimits.socketPathBytesMax} bytes of a socket's path`);
    }
    mkdirSync(this.path, { recursive: true, mode: 0o700 });
    chmodSync(this.path, 0o700);
  }

  /** The same for all guards of this directory. */
  id(): string {
    const file = join(this.path, "id");
    if (!existsSync(file)) this.#replace(file, randomBytes(8).toString("hex"));
    return readFileSync(file, "latin1").trim();
  }

  /** What the guard before held, since the machine was started. */
  leftover(): readonly LeftoverGroup[] {
    const file = this.#groupsFile;
    if (!existsSync(file)) return [];
    const read = JSON.parse(readFileSync(file, "utf8")) as Partial<Written>;
    return read.boot === readBootId() ? (read.groups ?? []).map((group) => ({ ...notWritten, ...group })) : [];
  }

  writeGroups(groups: readonly LeftoverGroup[]): void {
    const written: Written = { boot: readBootId(), groups };
    this.#replace(this.#groupsFile, JSON.stringify(written));
  }

  get #groupsFile(): string {
    return join(this.path, "groups.json");
  }

  #replace(file: string, text: string): void {
    writeFileSync(`${file}.new`, text, { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
}

/** What a guard of before has not written. */
const notWritten = { starting: [], killAtMs: null } as const;

interface Written {
  readonly boot: string;
  readonly groups: readonly LeftoverGroup[];
}
