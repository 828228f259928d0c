// The tables of the folders below: what the arithmetic of quorums and of memberships must answer, a case at a time.

import { readFileSync } from "node:fs";

const folder = import.meta.dirname;

export interface QuorumCase {
  /** `1 2 3`, or two sets with `&&` between them; `-` for none. */
  readonly sets: readonly (readonly string[])[];
  /** What each voter holds or answers; `_`: nothing is known of it. */
  readonly given: ReadonlyMap<string, string>;
  readonly result: string;
}

/** Lines of `sets | given | result`; `#` begins a comment. */
export function quorumTable(name: string): QuorumCase[] {
  return linesOf(`quorum/${name}.txt`).map((line) => {
    const [sets = "", given = "", result = ""] = line.split("|").map((part) => part.trim());
    const pairs = wordsOf(given).map((word) => word.split(":") as [string, string]);
    return { sets: sets.split("&&").map((set) => wordsOf(set.trim())), given: new Map(pairs), result };
  });
}

export interface MembershipCase {
  /** `simple`, `enter` or `leave`. */
  readonly command: string;
  /** `+1` a voter, `~1` a learner, `-1` nobody, `=1` as it is. */
  readonly changes: readonly string[];
  /** The lines below the command. */
  readonly expected: readonly string[];
}

/** Blocks of `> command changes` and what follows. All cases of a file are one history. */
export function membershipTable(name: string): MembershipCase[] {
  const cases: { command: string; changes: string[]; expected: string[] }[] = [];
  for (const line of linesOf(`membership/${name}.txt`)) {
    const [command = "", ...changes] = line.replace(/^> /, "").split(" ");
    if (line.startsWith("> ")) cases.push({ command, changes, expected: [] });
    else cases.at(-1)?.expected.push(line);
  }
  return cases;
}

function linesOf(path: string): string[] {
  const lines = readFileSync(`${folder}/${path}`, "utf8").split("\n");
  return lines.filter((line) => line.trim() !== "" && !line.startsWith("#"));
}

function wordsOf(text: string): string[] {
  return text === "-" ? [] : text.split(/\s+/);
}
