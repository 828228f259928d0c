// What a node's disk holds: by the command `inspect`, and row by row where a test must see more than that prints.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clusterGroup } from "../../../proto/ids.ts";
import type { ClusterEvent } from "../../../proto/model.ts";
import { rowsDirectory } from "../../../server/data-directory.ts";
import { copyRows } from "../../../server/inspect/copy-rows.ts";
import { DiskContent } from "../../../server/inspect/disk-content.ts";
import { inspectDirectory } from "../../../server/inspect/inspect-directory.ts";
import type { DiskReport } from "../../../server/inspect/report.ts";
import { ClusterState } from "../../../server/node/cluster-state.ts";
import { everyRange } from "../../../storage/keys.ts";
import { LevelStore } from "../../../storage/level-store.ts";
import type { Operation, Row } from "../../../storage/ordered-store.ts";
import { bailiwick } from "./command.ts";

/** `inspect -o json` prints `foreign` only where there is something. */
type Printed = Omit<DiskReport, "foreign"> & Partial<Pick<DiskReport, "foreign">>;

/** Runs `inspect -o json`. The node may be running or not. */
export async function inspect(directory: string): Promise<{ readonly code: number | null; readonly report: Printed }> {
  const { code, stdout, stderr } = await bailiwick(["inspect", directory, "-o", "json"]);
  assert.notEqual(stdout, "", `inspect ${directory}: ${stderr}`);
  return { code, report: JSON.parse(stdout) as Printed };
}

/** The same in this process, which is quicker than a process for each. */
export async function inspectHere(directory: string): Promise<{ readonly code: number; readonly report: Printed }> {
  const { foreign, ...report } = await inspectDirectory(directory);
  return foreign.length === 0 ? { code: 0, report } : { code: 1, report: { ...report, foreign } };
}

/** As `inspect` prints it, without revisions. */
export function withoutRevisions({ groups, ...rest }: Printed) {
  return { ...rest, groups: groups.map(({ name, keys }) => ({ name, keys })) };
}

export interface DiskStatuses {
  /** Pairs of node and group, of records outside the node's own groups. */
  readonly statuses: readonly string[];
  /** Of the cluster database, oldest first. */
  readonly events: readonly ClusterEvent[];
}

/** Reads a copy of a node's rows, running or not. */
export async function readDisk(directory: string): Promise<DiskStatuses> {
  const content = await readContent(rowsDirectory(join(directory, "data")));
  const record = content.groups.find(({ group }) => group === clusterGroup);
  const slot = record === undefined ? undefined : content.slots.get(record.slot);
  assert(slot !== undefined, `no cluster database in ${directory}`);
  return {
    statuses: content.statuses.map(({ node, group }) => `${node} ${group}`),
    events: ClusterState.fromRows(slot.slot, slot.small)?.newestEvents(1_000) ?? [],
  };
}

/** Writes rows into the store of a node that does not run. */
export async function plant(directory: string, operations: readonly Operation[]): Promise<void> {
  const store = await LevelStore.open(rowsDirectory(join(directory, "data")));
  try {
    await new Promise<void>((resolve, reject) => {
      store.write(operations, true, (outcome) => {
        if (outcome.type === "done") resolve();
        else reject(new Error(outcome.reason));
      });
    });
  } finally {
    await new Promise<void>((resolve) => store.close(resolve));
  }
}

async function readContent(rows: string): Promise<DiskContent> {
  const copy = mkdtempSync(join(tmpdir(), "bailiwick-e2e-copy-"));
  try {
    await copyRows(rows, join(copy, "rows"));
    const store = await LevelStore.open(join(copy, "rows"));
    try {
      const content = new DiskContent();
      for (const row of await scanAll(store)) content.add(row);
      return content;
    } finally {
      await new Promise<void>((resolve) => store.close(resolve));
    }
  } finally {
    rmSync(copy, { recursive: true });
  }
}

function scanAll(store: LevelStore): Promise<readonly Row[]> {
  return new Promise((resolve, reject) => {
    store.scan(everyRange(), { rowsMax: 1_000_000, bytesMax: 2 ** 28 }, (outcome) => {
      if (outcome.type === "rows" && !outcome.more) resolve(outcome.rows);
      else reject(new Error("the disk holds more than a test should"));
    });
  });
}
