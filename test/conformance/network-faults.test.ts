// What the libp2p network does with strangers, forgers, garbage, lost connections and peers that do not read.

import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { serialize } from "node:v8";
import { generateKeyPair } from "@libp2p/crypto/keys";
import { identify } from "@libp2p/identify";
import type { Libp2p, PrivateKey, Stream } from "@libp2p/interface";
import { noise } from "@libp2p/noise";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import { tcp } from "@libp2p/tcp";
import { yamux } from "@libp2p/yamux";
import { multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { DbError } from "../../proto/errors.ts";
import { toClusterId, toNodeId } from "../../proto/ids.ts";
import { adapterLimits } from "../../server/adapters/adapter-limits.ts";
import { encodeFrames, frameKinds } from "../../server/adapters/frames.ts";
import type { EnvelopeCodec } from "../../server/adapters/libp2p-network.ts";
import type { PeerAddress } from "../../server/adapters/membership.ts";
import { Libp2pHarness, type LibStation, testCodec, until } from "./libp2p-harness.ts";
import { bulky, changesAt, messagesAt, numbered, numbersAt } from "./network.ts";

const [a, b, c] = [toNodeId("n1"), toNodeId("n2"), toNodeId("n3")];
const peerProtocol = "/bailiwick/peer/1";

let harness: Libp2pHarness;
/** Ended after each test, whatever became of it. */
let raw: Libp2p[] = [];
let children: ChildProcess[] = [];

beforeEach(() => {
  harness = new Libp2pHarness();
});
afterEach(async () => {
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(raw.map((host) => host.stop()));
  await harness.close();
  raw = [];
  children = [];
});

/** A bare libp2p host that speaks the protocol as badly as a test wants. */
async function rawHost(privateKey?: PrivateKey): Promise<Libp2p> {
  const host = await createLibp2p({
    privateKey: privateKey ?? (await generateKeyPair("Ed25519")),
    addresses: { listen: ["/ip4/127.0.0.1/tcp/0"] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    services: { identify: identify() },
  });
  raw.push(host);
  return host;
}

function addressOf(host: Libp2p): PeerAddress {
  const port = host
    .getMultiaddrs()[0]
    ?.getComponents()
    .find(({ name }) => name === "tcp")?.value;
  return { identity: host.peerId.toString(), host: "127.0.0.1", port: Number(port) };
}

async function dialFrom(host: Libp2p, to: LibStation): Promise<Stream> {
  const { port, identity } = to.address;
  return await host.dialProtocol(multiaddr(`/ip4/127.0.0.1/tcp/${port}/p2p/${identity}`), peerProtocol);
}

/** A bare host that is admitted as `node`. */
async function admittedHost(node: typeof a, by: LibStation): Promise<Libp2p> {
  const host = await rawHost();
  by.network.setPeers(new Map([...harness.addresses(), [node, addressOf(host)]]));
  return host;
}

function framed(bytes: Uint8Array): Uint8Array {
  return encodeFrames([{ kind: frameKinds.message, bytes }]);
}

function envelopeOf(from: typeof a, call: number): Uint8Array {
  return serialize({ cluster: "0123456789abcdef0123456789abcdef", from, boot: 1, message: numbered(call) });
}

/** Encodes envelopes that claim to come from `from`. */
function forging(from: typeof a): EnvelopeCodec {
  return { ...testCodec, encode: (envelope) => testCodec.encode({ ...envelope, from }) };
}

async function connected(one: LibStation, other: LibStation, topics: readonly string[] = []): Promise<void> {
  one.network.configure([other.node], topics);
  other.network.configure([one.node], topics);
  await until("connected", () => changesAt(one, "peerUp").length > 0 && changesAt(other, "peerUp").length > 0);
}

test("a stranger is refused, counted each time and noted once", async () => {
  const [station] = (await harness.create([a])) as [LibStation];
  const stranger = await rawHost();
  for (let attempt = 0; attempt < 3; attempt++) {
    await assert.rejects(dialFrom(stranger, station));
  }
  assert.equal(station.counters.get("identity_refused"), 3);
  assert.equal(station.notes.length, 1);
  assert.deepEqual(station.inputs, []);
  await until("nothing left open", () => station.network.connectionCount === 0);
});

test("a peer that does not know this node is never reported up", async () => {
  const one = await harness.start({ node: a });
  const other = await harness.start({ node: b });
  one.network.setPeers(harness.addresses());
  one.network.configure([b], []);
  await until("refused", () => other.counters.get("identity_refused") >= 2);
  assert.deepEqual(one.inputs, []);
  // Once it does, the next attempt succeeds, within the back-off.
  other.network.setPeers(harness.addresses());
  await until("up", () => changesAt(one, "peerUp").length === 1, 5_000);
});

test("envelopes of another cluster are dropped, direct and published", async () => {
  const one = await harness.start({ node: a });
  const other = await harness.start({ node: b, cluster: toClusterId("ffffffffffffffffffffffffffffffff") });
  harness.introduce();
  await connected(one, other, ["cluster"]);
  other.network.send(a, numbered(1));
  await until("direct dropped", () => one.counters.get("wrong_cluster") === 1);
  await until("published dropped", () => {
    other.network.publish("cluster", numbered(2));
    return one.counters.get("wrong_cluster") > 2;
  });
  assert.deepEqual(messagesAt(one), []);
});

test("an envelope under another's name is dropped, direct and published", async () => {
  const one = await harness.start({ node: a });
  const forger = await harness.start({ node: b, codec: forging(c) });
  harness.introduce();
  await connected(one, forger, ["owners/n1,n2"]);
  forger.network.send(a, numbered(1));
  await until("direct dropped", () => one.counters.get("forged_sender") === 1);
  await until("published dropped", () => {
    forger.network.publish("owners/n1,n2", numbered(2));
    return one.counters.get("forged_sender") > 2;
  });
  assert.deepEqual(messagesAt(one), []);
});

test("nobody hands on what it hears, of no topic", async () => {
  const [left, middle, right] = (await harness.create([a, b, c])) as [LibStation, LibStation, LibStation];
  const topics = ["cluster", "owners/x"];
  left.network.configure([b], topics);
  middle.network.configure([a, c], topics);
  right.network.configure([b], topics);
  let number = 0;
  const publishUntil = async (author: LibStation, reader: LibStation) => {
    const heard = numbersAt(reader, true).length;
    await until("the next one heard", () => {
      number += 1;
      for (const topic of topics) author.network.publish(topic, numbered(number));
      return numbersAt(reader, true).length >= heard + 2 * topics.length;
    });
  };
  await publishUntil(left, middle);
  const behind = number;
  await publishUntil(middle, right);
  assert.ok(numbersAt(right, true).every((heard) => heard > behind));
  assert.equal(right.counters.get("forged_sender"), 0);
  assert.equal(left.network.connectionCount, 1);
});

test("a topic that is given up is no longer sent to this node", async () => {
  const [one, other, third] = (await harness.create([a, b, c])) as [LibStation, LibStation, LibStation];
  const topic = "owners/n1,n2,n3";
  one.network.configure([b, c], [topic]);
  for (const listener of [other, third]) listener.network.configure([a], [topic]);
  let number = 0;
  const publishUntil = (what: string, done: () => boolean) =>
    until(what, () => {
      if (!done()) one.network.publish(topic, numbered(++number));
      return done();
    });
  await publishUntil("both hear", () => [other, third].every((station) => numbersAt(station, true).length > 0));
  other.network.configure([a], []);
  const heard = numbersAt(third, true).length;
  await publishUntil("the third hears more", () => numbersAt(third, true).length > heard + 5);
  const late = other.counters.get("unsubscribed_topic");
  await publishUntil("and more", () => numbersAt(third, true).length > heard + 20);
  assert.equal(other.counters.get("unsubscribed_topic"), late);
});

test("plain TCP garbage, cut short or not, harms nobody", async () => {
  const [one, other] = (await harness.create([a, b])) as [LibStation, LibStation];
  await connected(one, other);
  const garbage = [
    Buffer.alloc(0),
    Buffer.from("GET / HTTP/1.1\r\n\r\n"),
    Buffer.alloc(70_000, 0xff),
    Buffer.from("\x13/multistream/1.0.0\n\x07/noise\n"),
    Buffer.concat([Buffer.from("\x13/multistream/1.0.0\n\x07/noise\n"), Buffer.alloc(300, 7)]),
  ];
  for (const bytes of garbage) {
    const socket = connect(one.address.port, "127.0.0.1");
    await once(socket, "connect");
    // One that is closed on what it has not read resets the connection, which is as good an end as any.
    socket.on("error", () => {});
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.end(bytes);
    socket.resume();
    await closed;
  }
  other.network.send(a, numbered(1));
  await until("still heard", () => numbersAt(one).length === 1);
  assert.deepEqual(changesAt(one, "peerDown"), []);
});

test("a frame beyond the limit ends its stream only; the peer may open another", async () => {
  const station = await harness.start({ node: a });
  const host = await admittedHost(b, station);
  await host.handle(peerProtocol, () => {});
  const stream = await dialFrom(host, station);
  const header = new Uint8Array(5);
  header[0] = frameKinds.message;
  new DataView(header.buffer).setUint32(1, adapterLimits.frameBytesMax + 1);
  stream.send(framed(envelopeOf(b, 1)));
  stream.send(header);
  await until("stream ended", () => stream.status !== "open");
  assert.equal(station.counters.get("malformed_frame"), 1);
  assert.deepEqual(numbersAt(station), [1]);
  assert.equal(host.getConnections().length, 1);
  const another = await dialFrom(host, station);
  another.send(framed(envelopeOf(b, 2)));
  await until("heard again", () => numbersAt(station).length === 2);
  assert.deepEqual(changesAt(station, "peerDown"), []);
});

test("frames that hold no envelope are dropped one by one", async () => {
  const station = await harness.start({ node: a });
  const host = await admittedHost(b, station);
  await host.handle(peerProtocol, () => {});
  const stream = await dialFrom(host, station);
  stream.send(framed(new Uint8Array([1, 2, 3])));
  stream.send(framed(new Uint8Array(0)));
  stream.send(framed(envelopeOf(b, 9)));
  await until("the good one is heard", () => numbersAt(station).length === 1);
  assert.equal(station.counters.get("malformed_envelope"), 2);
  assert.equal(stream.status, "open");
});

test("a message beyond the limit is dropped by its sender", async () => {
  const [one, other] = (await harness.create([a, b])) as [LibStation, LibStation];
  await connected(one, other);
  one.network.send(b, bulky(adapterLimits.frameBytesMax + 1));
  one.network.publish("cluster", bulky(adapterLimits.frameBytesMax + 1));
  one.network.send(b, numbered(1));
  await until("the small one is heard", () => numbersAt(other).length === 1);
  assert.equal(one.counters.get("oversize"), 2);
  assert.equal(messagesAt(other).length, 1);
});

test("a message that cannot be encoded is dropped and noted once", async () => {
  const codec: EnvelopeCodec = {
    ...testCodec,
    encode: () => {
      throw new Error("Envelope has 17 bytes, the limit is 16");
    },
  };
  const one = await harness.start({ node: a, codec });
  await harness.start({ node: b });
  harness.introduce();
  one.network.send(b, numbered(1));
  one.network.send(b, numbered(2));
  one.network.publish("cluster", numbered(3));
  assert.equal(one.counters.get("unencodable"), 3);
  assert.equal(one.notes.length, 1);
});

test("both sides dialling at once end with one connection that works both ways", async () => {
  for (let round = 0; round < 5; round++) {
    const [one, other] = (await harness.create([a, b])) as [LibStation, LibStation];
    await connected(one, other);
    one.network.send(b, numbered(round));
    other.network.send(a, numbered(round));
    await until("both heard", () => numbersAt(one).length === 1 && numbersAt(other).length === 1);
    await until("one connection", () => one.network.connectionCount === 1 && other.network.connectionCount === 1);
    assert.deepEqual(changesAt(one, "peerDown"), []);
    assert.deepEqual(changesAt(other, "peerDown"), []);
    await harness.close();
    harness = new Libp2pHarness();
  }
});

test("a peer that does not read holds a bounded queue; the newest messages are kept", async () => {
  const station = await harness.start({ node: a });
  const host = await admittedHost(b, station);
  const received: Stream[] = [];
  await host.handle(peerProtocol, (stream) => {
    stream.pause();
    received.push(stream);
  });
  station.network.configure([b], []);
  await until("connected", () => received.length === 1);
  const message = bulky(1024 * 1024);
  const sent = adapterLimits.queueBytesMax / (1024 * 1024) + 12;
  for (let number = 0; number < sent; number++) {
    station.network.send(b, message);
    await new Promise((resolve) => setImmediate(resolve));
  }
  station.network.send(b, numbered(77));
  const dropped = station.counters.get("queue_full");
  assert.ok(dropped >= 8 && dropped <= 13, `${dropped} of ${sent} dropped`);
  let newestHeard = false;
  let tail = Buffer.alloc(0);
  const newest = Buffer.from(framed(envelopeOf(a, 77)));
  received[0]?.addEventListener("message", (event) => {
    tail = Buffer.concat([tail, event.data.subarray()]).subarray(-newest.length);
    newestHeard ||= tail.equals(newest);
  });
  received[0]?.resume();
  await until("the newest is there", () => newestHeard);
});

test("messages for a peer that cannot be reached are bounded and dropped, not kept for later", async () => {
  const station = await harness.start({ node: a });
  const identity = peerIdFromPrivateKey(await generateKeyPair("Ed25519")).toString();
  // Port 1 of the loopback address refuses.
  station.network.setPeers(new Map([[b, { identity, host: "127.0.0.1", port: 1 }]]));
  for (let number = 0; number < 6; number++) station.network.send(b, bulky(1024 * 1024));
  assert.ok(station.counters.get("unreachable") >= 2, "the bound of the unconnected");
  await until("all dropped", () => station.counters.get("unreachable") === 6);
});

test("a member that leaves is cut off and reported down; one that comes is let in", async () => {
  const [one, other] = (await harness.create([a, b])) as [LibStation, LibStation];
  await connected(one, other);
  one.network.setPeers(new Map([[a, one.address]]));
  await until("cut off", () => changesAt(other, "peerDown").length === 1);
  assert.deepEqual(changesAt(one, "peerDown"), [b]);
  one.network.send(b, numbered(1));
  assert.equal(one.counters.get("not_a_member"), 1);
  one.network.setPeers(harness.addresses());
  await until("back", () => changesAt(one, "peerUp").length === 2 && changesAt(other, "peerUp").length === 2);
});

test("a port in use is a clear refusal, and leaves nothing behind", async () => {
  const station = await harness.start({ node: a });
  await assert.rejects(
    harness.start({ node: b, port: station.address.port }),
    (error) =>
      error instanceof DbError &&
      error.code === "condition_failed" &&
      error.message.includes(`Cannot listen on 127.0.0.1:${station.address.port}`) &&
      error.message.includes("EADDRINUSE"),
  );
});

test("a killed process is reported down at once", async () => {
  const station = await harness.start({ node: a });
  const script = fileURLToPath(new URL("./libp2p-child.ts", import.meta.url));
  const child = fork(script, [b, a, JSON.stringify(station.address)]);
  children.push(child);
  const [address] = (await once(child, "message")) as [PeerAddress];
  station.network.setPeers(new Map([...harness.addresses(), [b, address]]));
  station.network.configure([b], ["cluster"]);
  await until("up", () => changesAt(station, "peerUp").length === 1);
  const killedAtMs = performance.now();
  child.kill("SIGKILL");
  await until("down", () => changesAt(station, "peerDown").length === 1);
  // One that is only silent is not even probed before that.
  assert.ok(
    performance.now() - killedAtMs < adapterLimits.silenceMs,
    `down after ${performance.now() - killedAtMs} ms`,
  );
});
