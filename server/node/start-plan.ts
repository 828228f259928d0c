// What a start writes before the node does anything, from what it has found: the next start of a node that can rely on its
// disk, or that of one that may have forgotten what it promised, which is quarantined.

import type { BootNumber, NodeId } from "../../proto/ids.ts";
import type { Operation } from "../../storage/ordered-store.ts";
import { decideBoot } from "./decide-boot.ts";
import { type Bootstrap, bootOperations, genesisOperations, quarantineOperations } from "./genesis.ts";
import type { NodeImage } from "./image.ts";
import { lineageWith } from "./lineage.ts";

/** What a start begins with. */
export interface Findings {
  readonly bootstrap: Bootstrap;
  readonly self: NodeId;
  /** null: there is no data, or none any more. */
  readonly image: NodeImage | null;
  /** Highest start that the node's key has seen; 0 before the first. */
  readonly keyBoot: number;
  /** Highest start that the data has seen, also damaged data; 0 without a record of one. */
  readonly dataBoot: number;
  /** Why the node may have forgotten what it promised, apart from what the two numbers say; null: it has not. */
  readonly doubt: string | null;
  /** Drawn anew by each process: 16 hexadecimal digits. */
  readonly nonce: string;
}

export interface StartPlan {
  readonly boot: BootNumber;
  /** To be written in one synced batch; on a disk without data, after an empty table of hard states. */
  readonly operations: readonly Operation[];
}

export function planStart(findings: Findings): StartPlan {
  const { bootstrap, self, image, keyBoot, dataBoot, doubt, nonce } = findings;
  const decision = decideBoot({ keyBoot, dataBoot, disowned: image?.disowned ?? 0 });
  const { boot } = decision;
  const start = { boot, nonce, lap: 0 };
  const quarantine = doubt ?? (decision.type === "quarantine" ? decision.reason : null);
  if (image === null) return { boot, operations: genesisOperations({ bootstrap, self, start, quarantine }) };
  const operations = bootOperations(lineageWith(image.lineage, start), null);
  return { boot, operations: quarantine === null ? operations : [...operations, ...stepDown(image, quarantine, boot)] };
}

function stepDown({ database }: NodeImage, quarantine: string, boot: BootNumber): readonly Operation[] {
  return quarantineOperations({ ...database, slot: database.rows.slot }, quarantine, boot);
}
