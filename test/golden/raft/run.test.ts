// Runs the scripts of this folder. A script is comments (`#`), commands (`> command arguments`), and below each command the
// trace it must produce; `> quiet command` shows none. `UPDATE=1 node --test test/golden/raft/run.test.ts` rewrites the traces: read the difference.

import { strict as assert } from "node:assert";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { Cluster } from "./cluster.ts";
import { advance } from "./commands/advance.ts";
import { beat } from "./commands/beat.ts";
import { campaign } from "./commands/campaign.ts";
import type { Command } from "./commands/command.ts";
import { compact } from "./commands/compact.ts";
import { crash } from "./commands/crash.ts";
import { deliver } from "./commands/deliver.ts";
import { disk } from "./commands/disk.ts";
import { drop } from "./commands/drop.ts";
import { heal } from "./commands/heal.ts";
import { join } from "./commands/join.ts";
import { log } from "./commands/log.ts";
import { members } from "./commands/members.ts";
import { nodes } from "./commands/nodes.ts";
import { propose } from "./commands/propose.ts";
import { read } from "./commands/read.ts";
import { restart } from "./commands/restart.ts";
import { run } from "./commands/run.ts";
import { stabilize } from "./commands/stabilize.ts";
import { status } from "./commands/status.ts";
import { transfer } from "./commands/transfer.ts";

const commands = new Map<string, Command>(
  Object.entries({
    ...{ advance, beat, campaign, compact, crash, deliver, disk, drop, heal, join, log, members },
    ...{ nodes, propose, read, restart, run, stabilize, status, transfer },
  }),
);

/** The script with the trace that its commands produce now. */
function play(script: string): string {
  const cluster = new Cluster();
  const lines: string[] = [];
  for (const line of script.split("\n")) {
    const isCommand = line.startsWith("> ");
    if (!isCommand && !line.startsWith("#")) continue;
    if (lines.length > 0 && !lines.at(-1)?.startsWith("#")) lines.push("");
    lines.push(line);
    if (isCommand) lines.push(...execute(cluster, line));
  }
  return `${lines.join("\n")}\n`;
}

function execute(cluster: Cluster, line: string): string[] {
  const words = line.slice(2).trim().split(/\s+/);
  const isQuiet = words[0] === "quiet";
  const [name = "", ...args] = isQuiet ? words.slice(1) : words;
  const command = commands.get(name);
  assert.ok(command, `No command: ${name}`);
  command(cluster, args);
  const lines = cluster.takeLines();
  return isQuiet ? [] : lines;
}

const folder = import.meta.dirname;
const scripts = readdirSync(folder).filter((name) => name.endsWith(".txt"));

for (const name of scripts) {
  test(`${name} plays as written`, () => {
    const path = `${folder}/${name}`;
    const script = readFileSync(path, "utf8");
    const played = play(script);
    if (process.env["UPDATE"]) writeFileSync(path, played);
    else assert.equal(played, script);
  });
}
