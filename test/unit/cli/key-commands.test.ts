// get, put, delete, list and watch: what they read, print and end with.

import assert from "node:assert/strict";
import { test } from "node:test";
import { keyList } from "../../../client/cli/commands/key-list.ts";
import { Flags } from "../../../client/cli/flags.ts";
import { UsageError } from "../../../client/cli/usage-error.ts";
import { clusterId, FakeCluster } from "../client/fake-cluster.ts";
import { cli } from "./harness.ts";

const endpoint = "127.0.0.1:7401";
const header = { clusterId, group: "rg220", incarnation: 3, revision: 2, node: endpoint, stale: false };

function clusterWith(entries: Readonly<Record<string, string>>): FakeCluster {
  const cluster = new FakeCluster();
  cluster.put(entries);
  return cluster;
}

test("get prints the bytes of the value, on a terminal with a line end", async () => {
  const cluster = clusterWith({ a: "one", b: "two\n" });
  assert.deepEqual(await cli("get rg220 a", { cluster }).then(({ code, out, err }) => [code, out, err]), [
    0,
    "one",
    "",
  ]);
  assert.equal((await cli("get rg220 a", { cluster, isTty: true })).out, "one\n");
  assert.equal((await cli("get rg220 b", { cluster, isTty: true })).out, "two\n");
});

test("get -o json prints header and record", async () => {
  const cluster = clusterWith({ a: "one", "\u00ff": "two" });
  const record = { createRevision: 2, modRevision: 2, version: 1, lease: 0 };
  assert.deepEqual((await cli("get rg220 a -o json", { cluster })).json(), {
    header,
    keyValue: { key: "a", value: "one", ...record },
  });
  const local = await cli("get rg220 /w== --key-base64 --local -o json", { cluster });
  assert.deepEqual(local.json(), {
    header: { ...header, stale: true },
    keyValue: { keyBase64: "/w==", value: "two", ...record },
  });
});

test("get reads an old revision, and ends with 3 where there is nothing", async () => {
  const cluster = clusterWith({ a: "one" });
  cluster.put({ a: "two" });
  assert.equal((await cli("get rg220 a --revision 2", { cluster })).out, "one");
  const absent = await cli("get rg220 b", { cluster });
  assert.deepEqual(
    [absent.code, absent.out, absent.err],
    [3, "", "error: No key b in rg220 at revision 3 (not_found)\n"],
  );
});

test("put writes what the argument, standard input or a file holds", async () => {
  const cluster = new FakeCluster();
  const files = { "v.json": "{}" };
  assert.equal((await cli("put rg220 a 1", { cluster })).out, "revision 2\n");
  await cli("put rg220 b -", { cluster, stdin: "from\0stdin" });
  await cli("put rg220 c --file v.json", { cluster, files });
  await cli(["put", "rg220", "d", "--", "-5"], { cluster });
  await cli(["put", "rg220", "e", ""], { cluster });
  const read = async (key: string) => (await cli(`get rg220 ${key}`, { cluster })).out;
  assert.deepEqual(await Promise.all(["a", "b", "c", "d", "e"].map(read)), ["1", "from\0stdin", "{}", "-5", ""]);
});

test("put prints what it replaced on request, and honours --if-revision", async () => {
  const cluster = clusterWith({ a: "one" });
  assert.equal((await cli("put rg220 a two --previous", { cluster })).out, "revision 3\nprevious one\n");
  const json = await cli("put rg220 a three --previous --if-revision 3 -o json", { cluster });
  assert.deepEqual(json.json(), {
    header: { ...header, revision: 4 },
    previous: { key: "a", value: "two", createRevision: 2, modRevision: 3, version: 2, lease: 0 },
  });
  const refused = await cli("put rg220 a four --if-revision 3", { cluster });
  assert.equal(refused.code, 3);
  assert.match(refused.err, /condition_failed/);
  assert.deepEqual((await cli("put rg220 new x -o json", { cluster })).json(), {
    header: { ...header, revision: 5 },
    previous: null,
  });
});

test("put takes exactly one value", async () => {
  for (const line of ["put rg220 a", "put rg220 a 1 --file x", "put rg220 a --file absent"]) {
    const { code, err, out } = await cli(line);
    assert.deepEqual([code, out], [2, ""], line);
    assert.match(err, /^error: (?:Give either|Cannot read absent: ENOENT)/);
  }
});

test("put refuses a value above 1 MiB before it asks a node, wherever the value comes from", async () => {
  const cluster = new FakeCluster();
  const [most, more] = ["x".repeat(2 ** 20), "x".repeat(2 ** 20 + 1)];
  const said = "error: The value has 1048577 bytes, the limit is 1048576\n";
  for (const [line, setting] of [
    ["put rg220 a --file f", { files: { f: more } }],
    ["put rg220 a -", { stdin: more }],
    [`put rg220 a ${more}`, {}],
  ] as const) {
    const { code, err } = await cli(line, { cluster, ...setting });
    assert.deepEqual([code, err, cluster.calls], [2, said, []], line.slice(0, 20));
  }
  assert.equal((await cli("put rg220 a --file f", { cluster, files: { f: most } })).code, 0);
});

test("delete deletes a key or a prefix, and is content with nothing", async () => {
  const cluster = clusterWith({ a: "1", "p/x": "2", "p/y": "3\n4" });
  assert.equal((await cli("delete rg220 a", { cluster })).out, "deleted 1, revision 3\n");
  const prefix = await cli("delete rg220 --prefix p/ --previous", { cluster });
  assert.equal(prefix.out, 'deleted 2, revision 4\nprevious p/x\t2\nprevious p/y\t"3\\n4"\n');
  assert.deepEqual((await cli("delete rg220 a -o json", { cluster })).json(), {
    header: { ...header, revision: 4 },
    deleted: 0,
    previous: [],
  });
  assert.equal((await cli("delete rg220", { cluster })).code, 2);
  assert.equal((await cli("delete rg220 a --prefix b", { cluster })).code, 2);
});

test("list prints tabs to a pipe, a table to a terminal, and shapes in JSON", async () => {
  const cluster = clusterWith({ a: "1", b: "two words", c: "\ttab" });
  assert.equal((await cli("list rg220", { cluster })).out, 'a\t2\t1\nb\t2\ttwo words\nc\t2\t"\\ttab"\n');
  const table = "KEY  REVISION  VALUE\na    2         1\nb    2         two words\n";
  assert.ok((await cli("list rg220 --no-color", { cluster, isTty: true })).out.startsWith(table));
  assert.equal((await cli("list rg220 --keys-only", { cluster })).out, "a\nb\nc\n");
  const record = { createRevision: 2, modRevision: 2, version: 1, lease: 0 };
  const limited = await cli("list rg220 --keys-only --limit 2 -o json", { cluster });
  assert.deepEqual(limited.json(), {
    header,
    keyValues: [
      { key: "a", ...record },
      { key: "b", ...record },
    ],
    count: 3,
  });
  assert.equal(limited.err, "2 of 3 keys\n");
  assert.equal((await cli("list rg220 nothing", { cluster })).out, "");
});

test("list reads many pages, and no more than the limit asks for", async () => {
  const cluster = clusterWith(
    Object.fromEntries(Array.from({ length: 2_500 }, (_, at) => [`k${String(at).padStart(4, "0")}`, ""])),
  );
  const all = await cli("list rg220 --keys-only", { cluster });
  assert.equal(all.out.split("\n").length, 2_501);
  assert.equal(cluster.calls.length, 3);
  const some = await cli("list rg220 --keys-only --limit 1500", { cluster });
  assert.equal(some.out.split("\n").length, 1_501);
  assert.equal(cluster.calls.length, 5);
});

test("keyList.parse() refuses what is no number", () => {
  const parse = (flags: Record<string, string>) => keyList.parse(["rg220"], new Flags(flags));
  assert.equal(parse({ limit: "7" }).limit, 7);
  assert.equal(parse({}).limit, undefined);
  for (const limit of ["0", "-1", "1.5", "x", "", "99999999999999999"]) {
    assert.throws(() => parse({ limit }), UsageError, limit);
  }
});

test("watch prints one event a line", async () => {
  const cluster = clusterWith({ a: "1" });
  cluster.put({ a: "2\n", b: "\u0001" });
  await cli("delete rg220 a", { cluster });
  const watch = await cli("watch rg220 --from 2 --previous --count 4", { cluster });
  assert.equal(watch.code, 0);
  assert.equal(watch.out, '2\tput\ta\t1\t\n3\tput\ta\t"2\\n"\t1\n3\tput\tb\t"\\u0001"\t\n4\tdelete\ta\t\t"2\\n"\n');
  assert.equal(watch.err, `watching from revision 2 at ${endpoint}\n`);
  assert.equal((await cli("watch rg220 --from 3 --count 1", { cluster })).out, '3\tput\ta\t"2\\n"\n');
  assert.equal((await cli("watch rg220 b --from 2 --count 1", { cluster })).out, '3\tput\tb\t"\\u0001"\n');
});

test("watch -o json prints one object a line", async () => {
  const cluster = clusterWith({ a: "1" });
  await cli("delete rg220 a", { cluster });
  const { out } = await cli("watch rg220 --from 2 --previous --count 2 -o json", { cluster });
  const lines = out
    .trimEnd()
    .split("\n")
    .map((line): unknown => JSON.parse(line));
  const keyValue = { key: "a", value: "1", createRevision: 2, modRevision: 2, version: 1, lease: 0 };
  assert.deepEqual(lines, [
    { group: "rg220", revision: 2, type: "put", keyValue, previous: null },
    {
      group: "rg220",
      revision: 3,
      type: "delete",
      keyValue: { key: "a", createRevision: 0, modRevision: 3, version: 0, lease: 0 },
      previous: keyValue,
    },
  ]);
});

test("watch ends with 130 at Ctrl-C", async () => {
  const onOutput = (text: string, interrupt: () => void) => void (text.startsWith("watching") && interrupt());
  const { code, out, err } = await cli("watch rg220", { onOutput });
  assert.deepEqual([code, out, err], [130, "", `watching from revision 2 at ${endpoint}\n`]);
});

test("watch goes on at another endpoint when a node dies, and says so", async () => {
  const cluster = new FakeCluster();
  const env = { BAILIWICK_ENDPOINTS: "n202:7401, n208:7401" };
  const steps = [
    () => cluster.put({ a: "1" }),
    () => {
      cluster.kill("n202:7401");
      cluster.put({ b: "1" });
    },
  ];
  const onOutput = (text: string) => {
    if (/^watching|^2\t/.test(text)) setImmediate(() => steps.shift()?.());
  };
  const { code, out, err } = await cli("watch rg220 --count 2", { cluster, env, onOutput });
  assert.deepEqual([code, out], [0, "2\tput\ta\t1\n3\tput\tb\t1\n"]);
  assert.match(err, /interrupted at n202:7401: .*\nresumed behind revision 2 at n208:7401\n$/);
});

test("watch ends with 3 when its group is unknown or its history is gone", async () => {
  const cluster = clusterWith({ a: "1" });
  assert.equal((await cli("watch rg999", { cluster })).code, 3);
  cluster.compact(9n);
  const { code, err } = await cli("watch rg220 --from 2", { cluster });
  assert.equal(code, 3);
  assert.match(err, /revision: 9\n/);
});

const transaction = `
group: rg220
comparisons:
  - {key: a, modRevision: 2}
  - {group: rg226, prefix: p/, is: less, value: "5"}
success:
  - put: {key: b, value: "two", previous: true}
  - get: {keyBase64: YQ==}
  - {group: rg226, delete: {start: a, end: c}}
failure:
  - list: {prefix: "", limit: 2}
fences: [{epoch: 4}]
`;

test("txn carries out what a file says, and prints what every operation answered", async () => {
  const cluster = clusterWith({ a: "one" });
  const files = { "t.yaml": transaction };
  const { code, out } = await cli("txn t.yaml", { cluster, files });
  assert.deepEqual([code, out], [0, "success\nput\nget: a one\ndelete: 1\n  a one\nrg220 revision 3\n"]);
  const [request] = cluster.transactions;
  assert.deepEqual(
    request?.comparisons.map(({ group, keys, operand, relation }) => [group, keys.case, operand.case, relation]),
    [
      ["", "key", "modRevision", 1],
      ["rg226", "prefix", "value", 4],
    ],
  );
  assert.deepEqual(
    request?.fences.map(({ group, epoch }) => [group, epoch]),
    [["rg220", 4n]],
  );
  const json = (await cli("txn t.yaml -o json", { cluster, files })).json() as { results: unknown };
  const record = { key: "a", value: "one", createRevision: 2, modRevision: 2, version: 1, lease: 0 };
  const written = { ...record, key: "b", value: "two", createRevision: 3, modRevision: 3 };
  assert.deepEqual(json.results, [
    { put: { previous: written } },
    { get: { keyValue: record } },
    { delete: { deleted: 2, previous: [record, written] } },
  ]);
});

test("txn ends with 3 when a comparison did not hold, after it has carried out the other branch", async () => {
  const files = { "t.yaml": transaction.replace("modRevision: 2", "modRevision: 9") };
  const { code, out } = await cli("txn t.yaml", { cluster: clusterWith({ a: "one" }), files });
  assert.deepEqual([code, out], [3, "failure: a comparison did not hold\nlist: 1 of 1\n  a one\nrg220 revision 2\n"]);
});

test("txn names the file and the field that is wrong", async () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["comparisons: [{key: a}]", /t.yaml: comparisons\[0\] takes exactly one of value, /],
    ["comparisons: [{key: a, value: x, version: 1}]", /comparisons\[0\] takes exactly one of value/],
    ["comparisons: [{key: a, prefix: b, version: 1}]", /comparisons\[0\] takes exactly one of key, /],
    ["success: [{put: {key: a}}]", /success\[0\].put takes exactly one of value and valueBase64/],
    ["success: [{get: {key: a}, list: {prefix: a}}]", /success\[0\] takes exactly one of get, list, put, delete/],
    ["success: [{delete: {end: a}}]", /success\[0\].delete takes exactly one of key/],
    ["succes: []", /t.yaml: Unrecognized key: "succes"/],
    ["fences: [{epoch: 0}]", /t.yaml: fences\[0\].epoch is 0: .*>=1/],
    ["fences: [{}]", /t.yaml: fences\[0\].epoch is missing: expected number/],
    ["success: [{put: {key: a, value: 5432}}]", /t.yaml: success\[0\].put.value is 5432: expected string/],
    ["group: &a [*a]", /t.yaml: group is a value within itself: expected string/],
    ["", /t.yaml: The file must be a map, for example `group: rg220`/],
    ["a: [", /t.yaml:1:5: /],
  ];
  for (const [text, said] of wrong) {
    const { code, err } = await cli("txn t.yaml", { files: { "t.yaml": text } });
    assert.equal(code, 2, text);
    assert.match(err, said);
  }
  assert.match((await cli("txn absent.yaml")).err, /Cannot read absent.yaml: ENOENT/);
});

test("txn and group create refuse a file whose aliases lead nowhere or to too much, and ask no node", async () => {
  const twelve = (name: string) => `[${`*${name},`.repeat(12)}]`;
  const manyFold = `a: &a [1]\nb: &b ${twelve("a")}\nc: &c ${twelve("b")}\nd: ${twelve("c")}\n`;
  const lines = ["txn f.yaml", "group create orders --owners n1,n2 --config f.yaml"];
  for (const [text, said] of [
    ["group: *nowhere", /Unresolved alias.*: nowhere/],
    [manyFold, /alias/],
  ] as const) {
    for (const line of lines) {
      const cluster = new FakeCluster();
      const { code, out, err } = await cli(line, { cluster, files: { "f.yaml": text } });
      assert.deepEqual([code, out, cluster.calls], [2, "", []], line);
      assert.match(err, /^error: f\.yaml: /);
      assert.match(err, said);
    }
  }
});

test("txn and group create refuse a file that is not UTF-8, and text that is no Unicode, and ask no node", async () => {
  const put = "group: rg220\nsuccess: [{put: {key: a, value: ";
  const notText = Buffer.concat([Buffer.from(`${put}"`), Uint8Array.of(0xff), Buffer.from('"}}]')]);
  const files = { "bytes.yaml": notText, "half.yaml": `${put}"\\ud800"}}]` };
  const refusals = {
    "txn bytes.yaml": "error: bytes.yaml is not UTF-8: use keyBase64 and valueBase64\n",
    "txn half.yaml": "error: half.yaml: success[0].put.value: is not Unicode: use keyBase64 and valueBase64\n",
    "group create orders --owners n1,n2 --config bytes.yaml": "error: bytes.yaml is not UTF-8\n",
  };
  for (const [line, said] of Object.entries(refusals)) {
    const cluster = new FakeCluster();
    const { code, err } = await cli(line, { cluster, files });
    assert.deepEqual([code, err, cluster.calls], [2, said, []], line);
  }
});

test("put, get and delete refuse an argument that was not UTF-8, and name the option that takes other bytes", async () => {
  const lost = "a\ufffd";
  const cluster = new FakeCluster();
  for (const line of [
    ["put", "rg220", lost, "1"],
    ["get", "rg220", lost],
    ["delete", "rg220", lost],
    ["delete", "rg220", "--prefix", lost],
  ]) {
    const { code, err } = await cli(line, { cluster });
    assert.deepEqual([code, err], [2, "error: The key is not UTF-8: use --key-base64\n"], line.join(" "));
  }
  const { code, err } = await cli(["put", "rg220", "a", lost], { cluster });
  assert.deepEqual([code, err], [2, "error: The value is not UTF-8: use --file, or - for standard input\n"]);
  assert.deepEqual(cluster.calls, []);
});
