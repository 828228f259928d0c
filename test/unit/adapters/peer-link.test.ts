// The life of one link against connections and streams made of nothing: what it keeps, cuts, closes and tries again.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Connection, Stream } from "@libp2p/interface";
import { toNodeId } from "../../../proto/ids.ts";
import { adapterLimits } from "../../../server/adapters/adapter-limits.ts";
import { type Frame, FrameReader, frameKinds } from "../../../server/adapters/frames.ts";
import { PeerLink, type PeerLinkOptions } from "../../../server/adapters/peer-link.ts";

class FakeStream extends EventTarget {
  status = "open";
  writableNeedsDrain = false;
  readonly sent: Frame[] = [];
  readonly #reader = new FrameReader(adapterLimits.frameBytesMax);

  send(bytes: Uint8Array): boolean {
    this.sent.push(...this.#reader.read(bytes).frames);
    return !this.writableNeedsDrain;
  }
  abort(): void {
    this.status = "aborted";
    this.dispatchEvent(new Event("close"));
  }
  arrive(bytes: Uint8Array): void {
    this.dispatchEvent(Object.assign(new Event("message"), { data: bytes }));
  }
  kinds(): readonly number[] {
    return this.sent.map(({ kind }) => kind);
  }
}

class FakeConnection {
  status = "open";
  readonly direction: "inbound" | "outbound";
  readonly stream = new FakeStream();
  link: PeerLink | null = null;

  constructor(direction: "inbound" | "outbound") {
    this.direction = direction;
  }
  abort(): void {
    if (this.status === "closed") return;
    this.status = "closed";
    this.stream.abort();
    this.link?.connectionClosed(this as unknown as Connection);
  }
  async close(): Promise<void> {
    this.abort();
  }
}

function fixture(context: TestContext, options: Partial<PeerLinkOptions> = {}) {
  const log: string[] = [];
  const dials: { resolve: () => void; reject: (reason: Error) => void }[] = [];
  const link = new PeerLink({
    self: toNodeId("n1"),
    peer: toNodeId("n2"),
    dial: () => new Promise<void>((resolve, reject) => dials.push({ resolve, reject })),
    openStream: async (connection) => (connection as unknown as FakeConnection).stream as unknown as Stream,
    up: () => log.push("up"),
    down: () => log.push("down"),
    message: (bytes) => log.push(`message ${bytes.length}`),
    dropped: (reason, count) => log.push(`dropped ${count} ${reason}`),
    ...options,
  });
  context.after(() => link.close());
  const open = (direction: "inbound" | "outbound") => {
    const connection = new FakeConnection(direction);
    connection.link = link;
    link.connectionOpened(connection as unknown as Connection);
    return connection;
  };
  return { link, log, dials, open };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const message = new Uint8Array([1]);

async function eventually(done: () => boolean): Promise<void> {
  const lateMs = performance.now() + 5_000;
  while (!done()) {
    assert.ok(performance.now() < lateMs, "not within 5 s");
    await settled();
  }
}

test("a link is up once its stream is open, and down when the last connection is gone", async (context) => {
  const { log, open } = fixture(context);
  const connection = open("inbound");
  assert.deepEqual(log, []);
  await settled();
  assert.deepEqual(log, ["up"]);
  connection.abort();
  assert.deepEqual(log, ["up", "down"]);
});

test("send() dials once, however much is sent, and writes all of it in order when connected", async (context) => {
  const { link, dials, open } = fixture(context);
  for (const length of [1, 2, 3]) link.send(new Uint8Array(length));
  assert.equal(dials.length, 1);
  const connection = open("outbound");
  await settled();
  assert.deepEqual(
    connection.stream.sent.map(({ bytes }) => bytes.length),
    [1, 2, 3],
  );
});

test("a failed dial drops what waited and says so; only a link that is kept tries again, later each time", async (context) => {
  const { link, log, dials } = fixture(context);
  link.send(message);
  dials[0]?.reject(new Error("refused"));
  await settled();
  assert.deepEqual(log, ["dropped 1 unreachable", "down"]);
  await new Promise((resolve) => setTimeout(resolve, 80));
  assert.equal(dials.length, 1, "nothing to send, nobody to keep");
  link.keep(true);
  assert.equal(dials.length, 2, "the back-off is over");
  const refusedAtMs = performance.now();
  dials[1]?.reject(new Error("refused"));
  await eventually(() => dials.length === 3);
  const backedOffMs = performance.now() - refusedAtMs;
  assert.ok(backedOffMs >= adapterLimits.backoffMsMin - 1, `backed off for ${backedOffMs} ms only`);
});

test("a connection of the peer ends the back-off", async (context) => {
  const { link, log, dials, open } = fixture(context);
  link.keep(true);
  dials[0]?.reject(new Error("refused"));
  await settled();
  open("inbound");
  await settled();
  assert.deepEqual(log, ["up"]);
});

test("the smaller name wins a simultaneous opening: it refuses the other's dial while its own is young", async (context) => {
  const winner = fixture(context);
  assert.equal(winner.link.refusesDial(), false);
  winner.link.send(message);
  assert.equal(winner.link.refusesDial(), true, "dialling");
  winner.open("outbound");
  winner.dials[0]?.resolve();
  await settled();
  assert.equal(winner.link.refusesDial(), true, "just connected");

  const loser = fixture(context, { self: toNodeId("n2"), peer: toNodeId("n1") });
  loser.link.send(message);
  assert.equal(loser.link.refusesDial(), false);
  const inbound = loser.open("inbound");
  const outbound = loser.open("outbound");
  assert.equal(outbound.status, "closed", "the refused one is given up");
  assert.equal(inbound.status, "open");
  await settled();
  assert.deepEqual(loser.log, ["up"]);
});

test("a peer that connects anew shows that the old connection was dead", async (context) => {
  const { link, log, open } = fixture(context);
  const old = open("inbound");
  await settled();
  const anew = open("inbound");
  assert.equal(old.status, "closed");
  await settled();
  link.send(message);
  await settled();
  assert.equal(anew.stream.sent.length, 1);
  assert.deepEqual(log, ["up"], "never down between");
});

test("check() probes a silent peer, then cuts the link", async (context) => {
  const { link, log, open } = fixture(context);
  const connection = open("inbound");
  await settled();
  link.send(message);
  const nowMs = performance.now();
  assert.equal(link.check(nowMs + 1_000, true, false), null);
  assert.equal(link.check(nowMs + 6_000, true, false), null);
  await settled();
  assert.deepEqual(connection.stream.kinds(), [frameKinds.message, frameKinds.probe]);
  assert.equal(link.check(nowMs + 12_000, true, false), "silent");
  assert.equal(connection.status, "closed");
  assert.deepEqual(log, ["up", "down"]);
});

test("check() probes a peer to which nothing is said only where the link is kept", async (context) => {
  const passing = fixture(context);
  const kept = fixture(context);
  const connections = [passing.open("inbound"), kept.open("inbound")];
  kept.link.keep(true);
  await settled();
  const nowMs = performance.now();
  for (const { link } of [passing, kept])
    for (const afterMs of [1_000, 4_000, 9_000]) link.check(nowMs + afterMs, true, false);
  assert.deepEqual(
    connections.map(({ status }) => status),
    ["open", "closed"],
  );
});

test("check() spares a peer that answers, and every peer after a stall of this process", async (context) => {
  const { link, open } = fixture(context);
  const connection = open("inbound");
  const incoming = new FakeStream();
  link.receive(incoming as unknown as Stream);
  await settled();
  link.send(message);
  const nowMs = performance.now();
  link.check(nowMs + 6_000, true, false);
  incoming.arrive(new Uint8Array([frameKinds.probeAnswer, 0, 0, 0, 0]));
  assert.equal(link.check(nowMs + 12_000, true, false), null);
  link.send(message);
  assert.equal(link.check(nowMs + 90_000, true, true), null);
  assert.equal(link.check(nowMs + 95_000, true, false), null);
  assert.equal(link.check(nowMs + 110_000, true, true), null);
  assert.equal(connection.status, "open");
});

test("a probe is answered", async (context) => {
  const { link, open } = fixture(context);
  const connection = open("inbound");
  const incoming = new FakeStream();
  link.receive(incoming as unknown as Stream);
  await settled();
  incoming.arrive(new Uint8Array([frameKinds.probe, 0, 0, 0, 0]));
  await settled();
  assert.deepEqual(connection.stream.kinds(), [frameKinds.probeAnswer]);
  assert.equal(link.check(performance.now() + 60_000, true, false), null, "an answer asks for none");
});

test("check() makes a connection anew over which gossip does not come up", async (context) => {
  const { link, open } = fixture(context);
  const connection = open("inbound");
  await settled();
  const nowMs = performance.now();
  assert.equal(link.check(nowMs + adapterLimits.gossipGraceMs - 1_000, false, false), null);
  assert.equal(link.check(nowMs + adapterLimits.gossipGraceMs + 1_000, false, false), "no_gossip");
  assert.equal(connection.status, "closed");
});

test("check() closes an idle connection that this side made for a few messages, and no other", async (context) => {
  const lateMs = () => performance.now() + adapterLimits.idleMs + 1_000;
  const passing = fixture(context);
  const dialled = passing.open("outbound");
  await settled();
  passing.link.check(performance.now() + 1_000, true, false);
  assert.equal(dialled.status, "open");

  const kept = fixture(context);
  kept.link.keep(true);
  const keptConnection = kept.open("outbound");
  const accepted = fixture(context);
  const acceptedConnection = accepted.open("inbound");
  await settled();
  for (const { link } of [passing, kept, accepted]) link.check(lateMs(), true, false);
  assert.equal(dialled.status, "closed");
  assert.equal(keptConnection.status, "open");
  assert.equal(acceptedConnection.status, "open");
});

test("frames wait while the stream is full, and leave when it drains", async (context) => {
  const { link, open } = fixture(context);
  const { stream } = open("inbound");
  await settled();
  stream.writableNeedsDrain = true;
  link.send(message);
  await settled();
  assert.equal(stream.sent.length, 0);
  stream.writableNeedsDrain = false;
  stream.dispatchEvent(new Event("drain"));
  await settled();
  assert.equal(stream.sent.length, 1);
});

test("a stream that the peer ends is opened again on the same connection", async (context) => {
  let opened = 0;
  const { link, log, open } = fixture(context, {
    openStream: async (connection) => {
      opened += 1;
      if (opened === 1) return (connection as unknown as FakeConnection).stream as unknown as Stream;
      return second as unknown as Stream;
    },
  });
  const second = new FakeStream();
  const connection = open("inbound");
  await settled();
  connection.stream.abort();
  link.send(message);
  await eventually(() => second.sent.length === 1);
  assert.equal(opened, 2);
  assert.deepEqual(log, ["up"]);
});

test("close() is final: no dial, no stream, down once", async (context) => {
  const { link, log, dials, open } = fixture(context);
  open("inbound");
  await settled();
  link.close();
  link.keep(true);
  link.send(message);
  await settled();
  assert.deepEqual(log, ["up", "down"]);
  assert.equal(dials.length, 0);
});
