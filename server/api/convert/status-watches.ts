// Watches of statuses and cluster events: what a client asks for, and the positions that it resumes from.

import { create } from "@bufbuild/protobuf";
import { incarnation as incarnationCodec, logIndex, uint64 } from "../../../proto/codec/integers.ts";
import { ClusterEventType } from "../../../proto/gen/bailiwick/v1/cluster_event_pb.ts";
import {
  type ClusterEventsTarget,
  type GroupStatusTarget,
  type NodeStatusTarget,
  type WatchCreate,
  type WatchPosition,
  WatchPositionSchema,
} from "../../../proto/gen/bailiwick/v1/watch_pb.ts";
import { compareNames, type LogIndex, toLogIndex } from "../../../proto/ids.ts";
import type { Header, NodesPosition } from "../../../proto/requests.ts";
import { limits } from "../../node/limits.ts";
import { invalid, readField, readGroup, readNode } from "./fields.ts";
import { readProgress, type WatchWish } from "./watch-wish.ts";

export function readGroupWatch(wish: WatchCreate, { includeProgress }: GroupStatusTarget): WatchWish {
  const group = readGroup(wish.group);
  const resumed = wish.resume?.groups.find((one) => one.group === group);
  if (wish.resume !== undefined && resumed === undefined) {
    throw invalid("resume", `The resume says nothing about the group ${group}`);
  }
  const startIndex = resumed === undefined ? readStart(wish) : behind(resumed.index, "resume.index");
  return {
    ...ofStatus,
    incarnation: resumed === undefined ? null : readField(incarnationCodec, resumed.incarnation, "resume.incarnation"),
    request: { type: "watchGroup", group, startIndex, includeProgress, initial: wish.initial, ...readProgress(wish) },
  };
}

export function readNodesWatch(wish: WatchCreate, target: NodeStatusTarget): WatchWish {
  if (readStart(wish) !== null) {
    throw invalid("start_revision", "A watch of nodes has no start_revision: its position is a vector, as in resume");
  }
  const { nodes } = target;
  if (nodes.length > limits.watchedNamesMax) {
    throw invalid("nodes", `The watch names ${nodes.length} nodes, the limit is ${limits.watchedNamesMax}`);
  }
  const names = nodes.map((node) => readNode(node, "nodes")).toSorted(compareNames);
  const after = wish.resume === undefined ? null : readNodesPosition(wish.resume);
  return {
    ...ofStatus,
    request: { type: "watchNodes", nodes: names, after, initial: wish.initial, ...readProgress(wish) },
  };
}

export function readEventsWatch(wish: WatchCreate, { types }: ClusterEventsTarget): WatchWish {
  if (types.includes(ClusterEventType.UNSPECIFIED)) throw invalid("types", "The types hold 0, which is no type");
  const { resume } = wish;
  const startIndex = resume === undefined ? readStart(wish) : behind(resume.clusterIndex, "resume.cluster_index");
  return {
    ...ofStatus,
    types,
    request: { type: "watchCluster", startIndex, initial: wish.initial, ...readProgress(wish) },
  };
}

const ofStatus = { incarnation: null, keysOnly: false, types: [] } as const;

type WireIndex = Parameters<typeof logIndex.fromWire>[0];

function readStart({ startRevision }: WatchCreate): LogIndex | null {
  const index = readField(logIndex, startRevision, "start_revision");
  return index === 0 ? null : index;
}

function behind(index: WireIndex, field: string): LogIndex {
  return toLogIndex(readField(logIndex, index, field) + 1);
}

function readNodesPosition({ groups, clusterIndex, sphere }: WatchPosition): NodesPosition {
  return {
    sphere: sphere === "" ? null : readNode(sphere, "resume.sphere"),
    clusterIndex: readField(logIndex, clusterIndex, "resume.cluster_index"),
    groups: groups.map(({ group, incarnation, index }) => ({
      group: readGroup(group, "resume.group"),
      incarnation: readField(incarnationCodec, incarnation, "resume.incarnation"),
      index: readField(logIndex, index, "resume.index"),
    })),
  };
}

export function toGroupPosition({ group, incarnation }: Header, index: number): WatchPosition {
  const mark = { group, incarnation: uint64.toWire(incarnation, "incarnation"), index: uint64.toWire(index, "index") };
  return create(WatchPositionSchema, { groups: [mark] });
}

export function toNodesPosition({ groups, clusterIndex, sphere }: NodesPosition): WatchPosition {
  return create(WatchPositionSchema, {
    sphere: sphere ?? "",
    clusterIndex: uint64.toWire(clusterIndex, "clusterIndex"),
    groups: groups.map(({ group, incarnation, index }) => ({
      group,
      incarnation: uint64.toWire(incarnation, "incarnation"),
      index: uint64.toWire(index, "index"),
    })),
  });
}

export function toEventsPosition(index: number): WatchPosition {
  return create(WatchPositionSchema, { clusterIndex: uint64.toWire(index, "index") });
}
