// What a guard writes down for the one after it, as text with a checksum. Only what is proven is believed: a text that lost its
// groups would say that nothing runs. Pure but for the checksum.

import { crc32 } from "node:zlib";
import { isForeground } from "./actions.ts";
import type { LeftoverGroup } from "./guard.ts";
import type { ForegroundChild, RunSpec } from "./run-spec.ts";

export interface HeldGroups {
  /** The start of the machine in which it was written. */
  readonly boot: string;
  /** That the processes of the groups bear; null: an earlier version has not written it. */
  readonly id: string | null;
  readonly groups: readonly LeftoverGroup[];
}

export type HeldRead =
  | { readonly type: "absent" }
  | { readonly type: "damaged"; readonly why: string }
  | { readonly type: "intact"; readonly held: HeldGroups };

/** The checksum is of all the text before it. An earlier version reads it, too. */
export function encodeHeld({ boot, id, groups }: HeldGroups): string {
  const text = JSON.stringify({ boot, id, groups }).slice(0, -1);
  return `${text},"checksum":"${checksumOf(text)}"}`;
}

export function decodeHeld(text: string): HeldRead {
  const [, covered, checksum] = /^(.*),"checksum":"([0-9a-f]{8})"\}$/s.exec(text) ?? [];
  if (covered === undefined) return decodeUnproven(text);
  if (checksumOf(covered) !== checksum) return damaged("its checksum is wrong");
  return { type: "intact", held: withDefaults(JSON.parse(text) as HeldGroups) };
}

/** An earlier version wrote no checksum, and no id: without either a text is taken for one of its own only as a whole. */
function decodeUnproven(text: string): HeldRead {
  const value = parse(text);
  if (value === null) return damaged(text === "" ? "it is empty" : "it is no JSON object");
  const { boot, groups } = value;
  const isEarlier = Object.keys(value).sort().join() === "boot,groups" && typeof boot === "string";
  if (!isEarlier || !Array.isArray(groups)) return damaged("it has no checksum");
  return { type: "intact", held: withDefaults({ boot, id: null, groups }) };
}

function parse(text: string): Partial<HeldGroups> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

function withDefaults({ boot, id, groups }: HeldGroups): HeldGroups {
  return { boot, id, groups: groups.map(withDefaultsOf) };
}

function withDefaultsOf(group: Earlier): LeftoverGroup {
  return { ...notWritten, ...group, children: group.children ?? unknownChildren(group.spec) };
}

type Earlier = Omit<LeftoverGroup, "children"> & Partial<Pick<LeftoverGroup, "children">>;

/** Where nothing was written down of foreground processes: any resource that has one may run as it. */
export function unknownChildren({ resources }: RunSpec): readonly ForegroundChild[] {
  return resources.filter(isForeground).map(({ name }) => ({ resource: name, process: null }));
}

/** What a guard of before has not written. */
const notWritten = { starting: [], killAtMs: null } as const;

function checksumOf(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}

function damaged(why: string): HeldRead {
  return { type: "damaged", why };
}
