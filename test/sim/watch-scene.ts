// Readers of several kinds follow one group while clients write as much as they can, its manager loses power again and again, and
// the readers leave their streams and come back through any node. Compared with the committed log, each is told all that it
// wants: in order, nothing left out, nothing twice, and no revision in two parts.

import assert from "node:assert/strict";
import { present } from "../../proto/assert.ts";
import { Random } from "../../proto/random.ts";
import { nameOf } from "../../server/simulation/checkers/memberships.ts";
import type { Timeline } from "../../server/simulation/checkers/replay.ts";
import { replayGroup } from "../../server/simulation/checkers/replayed-group.ts";
import { checkWatch } from "../../server/simulation/checkers/watches.ts";
import { plainForm, type WatchForm } from "../../server/simulation/workload/watch-forms.ts";
import { bytesOf } from "../../storage/bytes.ts";
import { HeavyWriters } from "./heavy-writers.ts";
import { LeavingReader } from "./leaving-reader.ts";
import { group, namesOf, Scene } from "./scene.ts";

/** At least so many of each. */
export interface WatchCounts {
  /** That the group's log makes. */
  readonly events: number;
  /** Streams that readers lose, or leave. */
  readonly breaks: number;
  readonly failOvers: number;
}

/** The last two own nothing: an owner serves the watches through them. */
const nodes = namesOf("a b c d e");
const owners = nodes.slice(0, 3);
const writers = 6;

const keysFrom = (prefix: string) => ({ start: bytesOf(prefix), end: bytesOf(`${prefix}~`) });
const eager: WatchForm = { ...plainForm, progressIntervalMs: 100, slownessMsMax: 50 };
const forms: readonly WatchForm[] = [
  eager,
  { ...eager, span: keysFrom("a/"), previousValues: false },
  { ...eager, span: keysFrom("b/1"), deletes: false },
  { ...eager, puts: false },
  { ...eager, initial: true, previousValues: false },
  { ...eager, bufferBytesMax: 4_096, slownessMsMax: 1_000 },
];
const readersOfEach = 2;
const shareMsMax = 60_000;
const catchUpMsMax = 15_000;

/** @returns how many there were; fails where a reader was told something else than the log makes */
export function playWatchScene(seed: number, { events, breaks, failOvers }: WatchCounts): WatchCounts {
  const scene = new Scene(seed, { nodes, owners, voters: owners });
  const { world, clients } = scene.testbed;
  const random = new Random(seed);
  const load = new HeavyWriters(world, group);
  const wishes = forms.flatMap((form) => Array.from({ length: readersOfEach }, () => ({ group, form })));
  const readers = wishes.map((wish) => new LeavingReader(world, wish, random.fork()));
  const broken = () => readers.reduce((sum, reader) => sum + reader.breaks, 0);
  load.start(writers, random.fork());
  for (const reader of readers) reader.start();
  for (let failed = 0; failed < failOvers; failed++) {
    const share = (events * (failed + 1)) / failOvers;
    scene.until(`${share} events`, () => load.events >= share, shareMsMax);
    failOver(scene);
  }
  scene.until(`${breaks} broken streams`, () => broken() >= breaks, shareMsMax);
  load.stop();
  clients.stop();
  for (const reader of readers) reader.stay();
  scene.runFor(2_000);
  const timeline = committed(scene);
  const isBehind = ({ log }: LeavingReader) => log.through < timeline.newest;
  scene.until("Every reader to be told everything", () => !readers.some(isBehind), catchUpMsMax);
  for (const reader of readers) compare(reader, timeline);
  return { events: timeline.events.length, breaks: broken(), failOvers };
}

/** The manager loses power, and is back when another leads. */
function failOver(scene: Scene): void {
  const { leader } = scene;
  scene.node(leader).crash("power");
  scene.until("Another manager", () => scene.leader !== leader, 6_000);
  scene.node(leader).start();
}

function committed({ testbed }: Scene): Timeline {
  const object = present(testbed.options.topology.bootstrap.groups[0], "the group");
  return replayGroup(object, testbed.log.logs.all(nameOf(group))).timeline;
}

function compare({ log, breaks }: LeavingReader, timeline: Timeline): void {
  assert.ok(breaks > 0, "a reader has never lost its stream");
  assert.ok(checkWatch(log, timeline) > 0, "a reader was told nothing");
}
