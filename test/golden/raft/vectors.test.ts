// The tables of this folder against the reference vectors that they re-express, case by case and in order, where those are
// at hand: nothing is missing, nothing is made up. Without them the tables still run, as tests of their own.

import { strict as assert } from "node:assert";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { type MembershipCase, membershipTable, type QuorumCase, quorumTable } from "./table.ts";

const vectors = `${import.meta.dirname}/../../../../shared/vectors/etcd-raft`;
const skip = existsSync(vectors) ? false : "the reference vectors are not here: nothing was compared";

interface Vector {
  readonly command: string;
  readonly changes: string;
  readonly answer: readonly string[];
}

/** A vector: a command, changes in lines of their own, `----`, the answer, an empty line. */
function vectorsOf(path: string): Vector[] {
  const text = readFileSync(`${vectors}/${path}`, "utf8").replace(/^#.*\n/gm, "");
  return [...text.matchAll(/^(\S.*)\n((?:.*\n)*?)----\n((?:\S.*\n|[ ]+\S.*\n)+)/gm)].map((match) => {
    const [, command = "", changes = "", answer = ""] = match;
    return { command, changes: changes.trim(), answer: answer.trimEnd().split("\n") };
  });
}

function listOf(command: string, key: string): string[] {
  const list = new RegExp(`${key}=\\(([^)]*)\\)`).exec(command)?.[1] ?? "";
  return list.split(",").flatMap((word) => (word.trim() === "" ? [] : [word.trim()]));
}

const words: Readonly<Record<string, string>> = {
  y: "yes",
  n: "no",
  VoteWon: "won",
  VoteLost: "lost",
  VotePending: "open",
};

function quorumCase({ command, answer }: Vector): QuorumCase {
  const voters = listOf(command, "cfg");
  const outgoing = listOf(command, "cfgj");
  const given = command.startsWith("vote") ? listOf(command, "votes") : listOf(command, "idx");
  const names = [...new Set([...voters, ...outgoing])];
  assert.equal(given.length, names.length, command);
  const last = answer.at(-1)?.trim() ?? "";
  return {
    sets: command.includes("cfgj") ? [voters, outgoing] : [voters],
    given: new Map(names.map((name, at) => [name, words[given[at] as string] ?? (given[at] as string)])),
    result: last.includes("∞") ? "everything" : (words[last] ?? last),
  };
}

for (const name of ["majority-commit", "joint-commit", "majority-vote", "joint-vote"]) {
  test(`quorum/${name}.txt holds all reference cases`, { skip }, () => {
    const reference = vectorsOf(`quorum/${name.replace("-", "_")}.txt`).map(quorumCase);
    assert.ok(reference.length > 0);
    assert.deepEqual(quorumTable(name), reference);
  });
}

const commands: Readonly<Record<string, string>> = { simple: "simple", "enter-joint": "enter", "leave-joint": "leave" };
const signs: Readonly<Record<string, string>> = { v: "+", l: "~", r: "-", u: "=" };
const refusals: Readonly<Record<string, string>> = {
  "can't leave a non-joint config": "The configuration is not joint",
  "can't make a zero-voter config joint": "A configuration without voters cannot become joint",
  "config is already joint": "The configuration is joint already",
  "can't apply simple config change in joint config": "The configuration is joint: leave it first",
  "removed all voters": "No voter would be left",
  "more than one voter changed without entering joint config":
    "More than one voter would change at once, which takes a joint configuration",
};

function membershipCase({ command, changes, answer }: Vector): MembershipCase {
  const [head = ""] = command.split(" ");
  const list = changes === "" ? [] : changes.split(/\s+/);
  return {
    command: commands[head] ?? head,
    changes: list.map((word) => `${signs[word.charAt(0)]}${word.slice(1)}`),
    expected: answer.length === 1 ? [`refused: ${refusals[answer[0] as string]}`] : [configured(answer), since(answer)],
  };
}

function configured([line = ""]: readonly string[]): string {
  const of = (key: string) => new RegExp(` ${key}=(\\([^)]*\\))`).exec(line)?.[1];
  const parts = [/voters=(\([^)]*\)(&&\([^)]*\))?)/.exec(line)?.[1]];
  if (of("learners") !== undefined) parts.push(`learners ${of("learners")}`);
  if (of("learners_next") !== undefined) parts.push(`later ${of("learners_next")}`);
  return parts.join(", ");
}

/** `2: StateProbe match=0 next=9`: a node that the tenth command brought, counted from zero, and 1 for the first two. */
function since(answer: readonly string[]): string {
  const known = answer.slice(1).map((line) => /^(\d+): StateProbe match=0 next=(\d+)( learner)?$/.exec(line));
  const learners = /learners=\(([^)]*)\)/.exec(answer[0] as string)?.[1]?.split(" ") ?? [];
  return `since ${known
    .map((match) => {
      assert.ok(match);
      const [, name = "", next = "", learner] = match;
      assert.equal(learner !== undefined, learners.includes(name), "who learns is said twice, and alike");
      return `${name}@${next}`;
    })
    .join(" ")}`;
}

/** Our table counts commands from one, and tells the first two apart. */
function asNext(line: string): string {
  return line.startsWith("since") ? line.replace(/@(\d+)/g, (_, at) => `@${Math.max(1, Number(at) - 1)}`) : line;
}

test("the tables of memberships hold all reference cases", { skip }, () => {
  const files = readdirSync(`${vectors}/confchange`);
  assert.ok(files.length > 0);
  for (const file of files) {
    const table = membershipTable(file.replace(/\.txt$/, "").replaceAll("_", "-"));
    const ours = table.map((row) => ({ ...row, expected: row.expected.map(asNext) }));
    assert.deepEqual(ours, vectorsOf(`confchange/${file}`).map(membershipCase), file);
  }
});
