// The command line as a whole: usage, global flags, errors and exit codes.

import assert from "node:assert/strict";
import { test } from "node:test";
import { exitCodeOf } from "../../../client/cli/exit-codes.ts";
import { DbError } from "../../../client/index.ts";
import { type ErrorCode, errorCodes, failure } from "../../../proto/errors.ts";
import { FakeCluster } from "../client/fake-cluster.ts";
import { cli } from "./harness.ts";

test("help goes to standard output with examples and exit codes, and is no error", async () => {
  const help = await cli("--help");
  assert.deepEqual([help.code, help.err], [0, ""]);
  assert.match(help.out, /Exit codes: 0 done; 1 failed; 2 wrong usage/);
  for (const command of [
    "get",
    "put",
    "delete",
    "list",
    "watch",
    "status",
    "group list",
    "group create",
    "node sphere",
  ]) {
    const { code, out } = await cli(`${command} --help`);
    assert.equal(code, 0);
    assert.match(out, /Examples:\n {2}\$ bailiwick /, command);
    assert.match(out, /Global Options:[\s\S]*--endpoints/, command);
  }
  assert.deepEqual(await cli("--version").then(({ code, out }) => [code, out]), [0, "0.1.0\n"]);
});

test("a line that no command takes is wrong usage, with what was perhaps meant", async () => {
  const lines = {
    gte: /unknown command 'gte'\n\(Did you mean get\?\)/,
    "group lst": /Did you mean list\?/,
    get: /missing required argument 'group'/,
    "get rg220 a b": /too many arguments/,
    "get rg220 a --revison 3": /unknown option '--revison'\n\(Did you mean --revision\?\)/,
    "get rg220 a --revision x": /--revision is "x", not an integer from 1 on/,
    "get rg220 %% --key-base64": /not base64/,
    "status -o xml": /'xml' is invalid. Allowed choices are table, json, yaml/,
    "status --timeout 5h": /--timeout is "5h", not a time/,
    "status --endpoints n202": /"n202" is not host:port/,
    "status --endpoints a:1,,b:1": /not host:port\[,host:port/,
  };
  for (const [line, expected] of Object.entries(lines)) {
    const { code, out, err } = await cli(line);
    assert.deepEqual([code, out], [2, ""], line);
    assert.match(err, expected);
    assert.match(err, /^error: /);
  }
  for (const line of ["group", "node"]) assert.equal((await cli(line)).code, 2, line);
});

test("a list that names nothing is wrong usage, and is not taken for the default", async () => {
  const recover = ["recover", "--from", "n1", "--dry-run"];
  for (const [line, flag] of [
    [["cluster", ...recover, "--voters", ","], "--voters"],
    [["cluster", ...recover, "--voters", ""], "--voters"],
    [["group", "recover", "rg220", ...recover.slice(1), "--owners", " , "], "--owners"],
    [["group", "create", "rg220", "--owners", ""], "--owners"],
    [["events", "--type", ","], "--type"],
  ] as const) {
    const cluster = new FakeCluster();
    const { code, err } = await cli(line, { cluster });
    assert.deepEqual([code, err], [2, `error: ${flag} names none; leave it out, or give names parted by commas\n`]);
    assert.deepEqual(cluster.calls, []);
  }
});

test("endpoints come from the flag, the environment, or are the first of `dev`", async () => {
  const env = { BAILIWICK_ENDPOINTS: "a:1,b:2" };
  const of = async (line: string, from = {}) => (await cli(line, { env: from })).connections;
  assert.deepEqual(await of("status"), [{ endpoints: ["127.0.0.1:7401"], timeoutMs: 5_000 }]);
  assert.deepEqual(await of("status", env), [{ endpoints: ["a:1", "b:2"], timeoutMs: 5_000 }]);
  const all = await of("--endpoints c:3 status --timeout 500ms", env);
  assert.deepEqual(all, [{ endpoints: ["c:3"], timeoutMs: 500 }]);
  assert.deepEqual((await of("status --timeout 2m"))[0]?.timeoutMs, 120_000);
});

const expected: Readonly<Record<ErrorCode, readonly [read: number, write: number]>> = {
  invalid_argument: [2, 2],
  not_found: [3, 3],
  already_exists: [3, 3],
  condition_failed: [3, 3],
  txn_conflict: [5, 5],
  fenced: [3, 3],
  not_leader: [5, 5],
  no_leader: [5, 5],
  no_quorum: [5, 5],
  stopping: [5, 5],
  quarantined: [5, 5],
  overloaded: [5, 5],
  outcome_unknown: [5, 4],
  deadline: [5, 4],
  compacted: [3, 3],
  future_revision: [3, 3],
  canceled: [1, 4],
  corrupt: [1, 1],
  unimplemented: [1, 1],
  internal: [1, 4],
};

test("every error code has its exit code, for a read and for a write", async () => {
  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    for (const [at, method] of (["get", "put"] as const).entries()) {
      const cluster = new FakeCluster();
      cluster.refuse(method, code, { times: 1_000 });
      const outcome = await cli(`${method} rg220 a${method === "put" ? " 1" : ""}`, { cluster });
      assert.equal(outcome.code, expected[code][at], `${code} of ${method}`);
      assert.ok(outcome.err.startsWith(`error: Refused as ${code} (${code})\n`), outcome.err);
      assert.equal(outcome.out, "");
    }
  }
  const unreachable = { code: "unreachable", message: "", details: {}, effect: "none" } as const;
  assert.equal(exitCodeOf(unreachable, { isWrite: true }), 5);
});

test("an error says what to do about it", async () => {
  const cluster = new FakeCluster();
  cluster.refuse("put", "no_quorum", { times: 1_000, details: { missing: "n210,n212" } });
  const lost = await cli("put rg220 a 1", { cluster });
  assert.match(lost.err, /^ {2}missing: n210 n212$/m);
  cluster.refuse("delete", "outcome_unknown");
  assert.match((await cli("delete rg220 a", { cluster })).err, /the change may have happened/);
  cluster.refuse("drainNode check", "outcome_unknown", { times: 1_000 });
  const tried = await cli("node drain n202 --dry-run", { cluster });
  assert.deepEqual([tried.code, tried.err], [5, "error: Refused as outcome_unknown (outcome_unknown)\n"]);
  cluster.kill("127.0.0.1:7401");
  const dead = await cli("get rg220 a --timeout 200ms", { cluster });
  assert.equal(dead.code, 5);
  assert.match(
    dead.err,
    /No connection to 127\.0\.0\.1:7401.*\(unreachable\)\n {2}is a node running there\? --endpoints/,
  );
});

test("-o json tells errors in JSON as well, also those of usage", async () => {
  const cluster = new FakeCluster();
  cluster.refuse("put", "outcome_unknown", { details: { node: "n208" } });
  const failed = await cli("put rg220 a 1 -o json", { cluster });
  assert.equal(failed.out, "");
  assert.deepEqual(JSON.parse(failed.err), {
    error: {
      code: "outcome_unknown",
      message: "Refused as outcome_unknown",
      effect: "unknown",
      details: { group: "rg220", node: "n208" },
      exitCode: 4,
    },
  });
  for (const line of ["put rg220 -o json", "--output=json gte", "list rg220 --limit x -ojson"]) {
    const { error } = JSON.parse((await cli(line)).err) as { error: Record<string, unknown> };
    assert.deepEqual([error["code"], error["exitCode"], error["effect"]], ["usage", 2, "none"], line);
  }
});

test("an interrupted call ends with 130 and says nothing", async () => {
  const cluster = new FakeCluster();
  for (const line of ["get rg220 a", "put rg220 a 1", "watch rg220"]) {
    const { code, out, err } = await cli(line, { cluster, onConnect: (interrupt) => interrupt() });
    assert.deepEqual([code, out, err], [130, "", ""], line);
  }
  assert.deepEqual(cluster.calls, []);
});

test("commands of others share flags, formats, errors and exit codes", async () => {
  const line = (args: string) =>
    cli(args, {
      register: (program, { print, setExitCode, version }) => {
        const node = program.commands.find((command) => command.name() === "node");
        node?.command("init <name>").action((name: string) => {
          if (name === "taken") throw new DbError(failure("already_exists", "It is there already"));
          print({ name, version }, () => `made ${name}\n`);
          if (name === "odd") setExitCode(1);
        });
      },
    });
  assert.deepEqual(await line("node init n1").then(({ code, out }) => [code, out]), [0, "made n1\n"]);
  assert.deepEqual((await line("node init n1 -o json")).json(), { name: "n1", version: "0.1.0" });
  assert.equal((await line("node init n1 -o yaml")).out, "name: n1\nversion: 0.1.0\n");
  assert.equal((await line("node init odd")).code, 1);
  assert.deepEqual(await line("node init taken").then(({ code, connections }) => [code, connections.length]), [3, 0]);
});
