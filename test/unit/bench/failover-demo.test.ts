// The parts of the fail-over demo that touch nothing: what gaps are, what the lease terms allow, the table and the picture.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { addressSpans } from "../../../bench/demo/failover/address-log.ts";
import { answeringSpans, longestGap, longestOverlap, type Sample } from "../../../bench/demo/failover/gaps.ts";
import { draw } from "../../../bench/demo/failover/picture.ts";
import { toPng } from "../../../bench/demo/failover/png.ts";
import { holdersOf, killAll } from "../../../bench/demo/failover/processes.ts";
import { isWithin, pictureOf, tableOf } from "../../../bench/demo/failover/report.ts";
import type { Outcome } from "../../../bench/demo/failover/scenarios.ts";
import { allowanceOf, moments, terms } from "../../../bench/demo/failover/terms.ts";
import { encodeGroupConfig } from "../../../proto/group-config.ts";
import { electionBoundMs } from "../../../proto/policies.ts";

/** Asked 5 ms before. */
function answered(node: string | null, ...endedMs: readonly number[]): Sample[] {
  return endedMs.map((ms) => ({ sentMs: ms - 5, endedMs: ms, node }));
}

test("longestGap() is the longest time between two answers, whoever asked first and whatever failed in between", () => {
  const samples = [...answered("n2", 930, 905), ...answered(null, 300, 400), ...answered("n1", 100, 125, 150)];
  const gap = longestGap(samples, { fromMs: 50, toMs: 1_000 });
  assert.deepEqual(gap, { fromMs: 150, toMs: 905, before: "n1", after: "n2" });
});

test("longestGap() reaches to the end of the window when nobody answers any more, and over all of it when nobody ever did", () => {
  const window = { fromMs: 0, toMs: 1_000 };
  const gap = longestGap(answered("n1", 100, 200, 1_200), window);
  assert.deepEqual(gap, { fromMs: 200, toMs: 1_000, before: "n1", after: null });
  assert.deepEqual(longestGap(answered(null, 500), window), { ...window, before: null, after: null });
});

test("answeringSpans() begins a span where another node answers, or anyone after a silence", () => {
  const samples = [...answered("n1", 0, 20, 40, 500, 520), ...answered("n2", 540), ...answered(null, 50)];
  assert.deepEqual(answeringSpans(samples, { fromMs: 0, toMs: 600 }, 100), [
    { node: "n1", fromMs: 0, toMs: 40 },
    { node: "n1", fromMs: 500, toMs: 520 },
    { node: "n2", fromMs: 540, toMs: 540 },
  ]);
});

test("longestOverlap() counts only what two nodes do at the same time", () => {
  const spans = [
    { node: "n1", fromMs: 0, toMs: 100 },
    { node: "n1", fromMs: 50, toMs: 120 },
    { node: "n2", fromMs: 120, toMs: 200 },
  ];
  assert.equal(longestOverlap(spans), 0);
  assert.equal(longestOverlap([...spans, { node: "n3", fromMs: 193, toMs: 300 }]), 7);
});

test("addressSpans() reads when an address came and went, and keeps one that is there to the end", () => {
  const of = (time: string, what: string) =>
    `[2026-01-31T12:00:0${time}] ${what} scope global eth0\\  valid_lft forever`;
  const log = [
    of("1.000900", "2: eth0    inet 192.0.2.1/24"),
    of("2.500000", "2: eth0    inet 192.0.2.100/24"),
    of("3.000000", "2: eth0    inet6 fe80::1/64"),
    of("4.250000", "Deleted 2: eth0    inet 192.0.2.100/24"),
    of("6.000000", "2: eth0    inet 192.0.2.100/24"),
    "[2026-01-31T12:00:07.0",
  ];
  const at = (ms: number) => Date.UTC(2026, 0, 31, 12) + ms;
  const spans = addressSpans(log.join("\n"), { node: "n1", address: "192.0.2.100", endMs: at(9_000) });
  assert.deepEqual(spans, [
    { node: "n1", fromMs: at(2_500), toMs: at(4_250) },
    { node: "n1", fromMs: at(6_000), toMs: at(9_000) },
  ]);
});

test("the lease terms of the demo are accepted, and the right is granted anew only after its holder has given it up", () => {
  const config = { lease: terms, management: { antiFlap: { movesMax: 100 } } };
  assert.ok(encodeGroupConfig(config, { group: "web", owners: ["n1", "n2", "n3"] }).byteLength > 0);
  const tooShortMs = Math.floor((terms.stopBudgetMs + 2 * terms.renewIntervalMs + electionBoundMs) / 0.95);
  assert.throws(() => encodeGroupConfig({ lease: { ...terms, ttlMs: tooShortMs } }), /lease\.ttlMs/);
  assert.deepEqual(moments, { stopsMs: 4_650, endsMs: 6_650, grantedMs: 7_350 });
  assert.deepEqual(
    (["power", "cut", "pause", "move"] as const).map((blow) => allowanceOf(blow).rightMs),
    [7_350, 7_350, 2_700, 0],
  );
});

function outcome(parts: Partial<Outcome> = {}): Outcome {
  const samples = [...answered("n1", 1_900, 1_980), ...answered(null, 2_500), ...answered("n2", 9_900, 9_950)];
  const window = { fromMs: 0, toMs: 12_000 };
  return {
    blow: "power",
    title: "Power <failure>",
    owner: "n1",
    atMs: 2_000,
    gap: longestGap(samples, { fromMs: 1_900, toMs: 9_950 }),
    allowance: allowanceOf("power"),
    window,
    samples,
    held: [
      { node: "n1", fromMs: -5_000, toMs: 2_000 },
      { node: "n2", fromMs: 9_800, toMs: 12_000 },
    ],
    overlapMs: 0,
    ...parts,
  };
}

test("tableOf() says of each gap whether it is as the terms allow; too long, never ending and two at once are not", () => {
  assert.match(tableOf([outcome()]), /Power <failure> +n1 +n2 +7920 +11450 +0 +holds +right 7\.35 s/);
  const gap = outcome().gap;
  const bad = [{ gap: { ...gap, toMs: 16_000 } }, { gap: { ...gap, after: null } }, { overlapMs: 1 }].map(outcome);
  assert.deepEqual(bad.map(isWithin), [false, false, false]);
  assert.equal(tableOf(bad).match(/DOES NOT HOLD/g)?.length, 3);
});

test("draw() is a document of one picture with bars, ticks and the length of each gap, and escapes its words", () => {
  const svg = draw(pictureOf([outcome(), outcome({ blow: "move", overlapMs: 12 })], "here & there"));
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="960"/);
  assert.ok(svg.endsWith("</svg>\n"));
  assert.ok(svg.includes("Power &lt;failure&gt;") && svg.includes("here &amp; there") && !svg.includes("<failure>"));
  assert.equal(svg.match(/no answer for 7\.92 s/g)?.length, 2);
  assert.equal(svg.match(/two at once for 12 ms/g)?.length, 1);
  assert.equal(svg.match(/granted anew/g)?.length, 1);
  // From 84 to 940 pixels for -1.5 to 11.5 s: what lies outside is cut off at the edge.
  assert.match(svg, /<rect x="84" y="\d+" width="98\.8" height="15" fill="#0072b2"\/>/);
  assert.equal(/NaN|undefined|Infinity/.test(svg), false);
});

test("toPng() makes a picture of less than 200 kB of it", async (context) => {
  const png = await toPng(
    draw(
      pictureOf(
        Array.from({ length: 4 }, () => outcome()),
        "here",
      ),
    ),
  );
  if (png === null) return context.skip("no font here, or no library for this machine");
  assert.deepEqual([...png.slice(0, 4)], [0x89, 0x50, 0x4e, 0x47]);
  assert.ok(png.byteLength < 200_000, `${png.byteLength} bytes`);
});

test("holdersOf() finds the processes with an open file below a directory, and killAll() leaves none", async () => {
  const directory = mkdtempSync(join(tmpdir(), "failover-demo-test-"));
  const output = openSync(join(directory, "log"), "a");
  const child = spawn("sleep", ["60"], { stdio: ["ignore", output, "ignore"] });
  closeSync(output);
  try {
    await once(child, "spawn");
    assert.deepEqual(holdersOf(directory), [child.pid]);
    assert.deepEqual(holdersOf(join(directory, "other")), []);
    const ended = once(child, "exit");
    await killAll(() => holdersOf(directory));
    assert.deepEqual(await ended, [null, "SIGKILL"]);
  } finally {
    child.kill("SIGKILL");
    rmSync(directory, { recursive: true });
  }
});
