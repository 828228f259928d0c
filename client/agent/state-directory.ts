// What is on disk beside agent and guard: the id that marks processes, the groups that the guard holds, its socket and its log.
// Nothing here has to outlive a start of the machine, after which nothing runs. The groups are there twice, and have the id
// with them, so that no single damaged file hides what runs.

import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { agentLimits } from "./agent-limits.ts";
import { readBootId } from "./boot-clock.ts";
import type { LeftoverGroup } from "./guard.ts";
import { decodeHeld, encodeHeld, type HeldGroups, type HeldRead } from "./held-groups.ts";

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

  /** The same for all guards of this directory. @throws {Error} when it is damaged: {@link mend} comes first */
  id(): string {
    if (!existsSync(this.#idFile)) replaceFile(this.#idFile, randomBytes(8).toString("hex"));
    const id = readFileSync(this.#idFile, "latin1").trim();
    if (!isId(id)) throw new Error(`${this.#idFile} is damaged`);
    return id;
  }

  /** What the guard before held, since the machine was started. @throws {Error} when that is damaged, and not known */
  leftover(): readonly LeftoverGroup[] {
    const held = this.#readHeld();
    return held !== null && held.boot === readBootId() ? held.groups : [];
  }

  /** Once this returns, a guard after this one knows of them. */
  writeGroups(id: string, groups: readonly LeftoverGroup[]): void {
    const text = encodeHeld({ boot: readBootId(), id, groups });
    for (const file of this.#heldFiles) replaceFile(file, text);
  }

  /**
   * Before a guard starts: keeps what is damaged under another name, and goes on by what is not.
   *
   * @throws {Error} when what a guard has left running cannot be known
   */
  mend(log: (line: string) => void): void {
    const held = this.#readHeld();
    for (const file of this.#heldFiles) {
      const read = readHeldFile(file);
      if (read.type === "damaged") setAside(file, { why: read.why, instead: "its copy says what runs", log });
    }
    this.#mendId(held, log);
  }

  /** The id beside the groups has a checksum. Where nothing runs that could bear the one before, another does as well. */
  #mendId(held: HeldGroups | null, log: (line: string) => void): void {
    const file = this.#idFile;
    const id = existsSync(file) ? readFileSync(file, "latin1").trim() : null;
    const known = held?.id ?? null;
    if (id !== null && isId(id) && (known ?? id) === id) return;
    const why = id === null ? "it is not there" : isId(id) ? "the guard had another" : "it is no id";
    const isNeeded = known === null && this.leftover().length > 0;
    if (isNeeded) throw new Error(whatToDo(`${file} is damaged (${why})`, this.path));
    const instead = known === null ? "nothing runs under it" : "its copy counts";
    if (id !== null) setAside(file, { why, instead, log });
    if (known !== null) replaceFile(file, known);
  }

  /** @returns null: no guard has held anything */
  #readHeld(): HeldGroups | null {
    const reads = this.#heldFiles.map((file) => ({ file, read: readHeldFile(file) }));
    const damages = reads.flatMap(({ file, read }) => {
      return read.type === "damaged" ? [`${file} is damaged (${read.why})`] : [];
    });
    // The first is written first: of two that differ it is the newer. One that was not written to its end has begun nothing.
    for (const { read } of reads) if (read.type === "intact") return read.held;
    if (damages.length === 0) return null;
    throw new Error(whatToDo(damages.join(" and "), this.path));
  }

  get #idFile(): string {
    return join(this.path, "id");
  }

  get #heldFiles(): readonly string[] {
    return ["groups.json", "groups.copy.json"].map((name) => join(this.path, name));
  }
}

function isId(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}

function readHeldFile(file: string): HeldRead {
  return existsSync(file) ? decodeHeld(readFileSync(file, "utf8")) : { type: "absent" };
}

/** Never half written, also where the machine stops: what it was before will do, as nothing of it runs any more. */
function replaceFile(file: string, text: string): void {
  const draft = openSync(`${file}.new`, "w", 0o600);
  try {
    writeFileSync(draft, text);
    fsyncSync(draft);
  } finally {
    closeSync(draft);
  }
  renameSync(`${file}.new`, file);
}

function setAside(
  file: string,
  { why, instead, log }: { readonly why: string; readonly instead: string; readonly log: (line: string) => void },
): void {
  renameSync(file, `${file}.damaged`);
  log(`${file} is damaged (${why}) and kept as ${basename(file)}.damaged: ${instead}`);
}

/** For an operator, who alone can say that nothing runs: commands with a stop of their own, units, addresses and mounts have no mark. */
function whatToDo(damage: string, directory: string): string {
  return (
    `${damage}, so that what a guard before has left running is not known, and nothing is started. ` +
    "Restart the machine; or stop all resources of this node's groups by hand, and end the processes that " +
    '"grep -l BAILIWICK_GUARD= /proc/[0-9]*/environ" names. ' +
    `Then remove id, groups.json and groups.copy.json in ${directory}, and start the agent again`
  );
}
