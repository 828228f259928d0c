// Everything between this node and one peer: the connections, one stream to send on, what comes in, and the way back after
// a loss. Connections are opened by either side; each side opens the stream that it sends on.
//
// Both sides dialling at once: the dial of the node with the smaller name wins. That node refuses the other's meanwhile
// (see `refusesDial`), and the other gives up its own when the winner's arrives.

import type { Connection, Stream } from "@libp2p/interface";
import { compareNames, type NodeId } from "../../proto/ids.ts";
import { adapterLimits } from "./adapter-limits.ts";
import { backoffMs } from "./backoff.ts";
import { FrameSender } from "./frame-sender.ts";
import { type Frame, FrameReader, frameKinds } from "./frames.ts";
import { Silence } from "./silence.ts";

export type LinkDrop = "malformed_frame" | "queue_full" | "unreachable" | "oversize";

export interface PeerLinkOptions {
  readonly self: NodeId;
  readonly peer: NodeId;
  /** Resolves when a connection is open; it has been reported to `connectionOpened` by then. */
  readonly dial: () => Promise<unknown>;
  readonly openStream: (connection: Connection) => Promise<Stream>;
  /** The peer can be sent to; said once until `down`. */
  readonly up: () => void;
  /** The last connection is gone; or there was none to be had, and what waited for it is lost. */
  readonly down: () => void;
  readonly message: (bytes: Uint8Array) => void;
  readonly dropped: (reason: LinkDrop, count: number) => void;
}

const noBytes = new Uint8Array(0);

export class PeerLink {
  readonly #options: PeerLinkOptions;
  readonly #sender: FrameSender;
  readonly #connections = new Map<Connection, { readonly openedAtMs: number }>();
  #silence = new Silence(adapterLimits.silenceMs);
  #isKept = false;
  #isUp = false;
  #isClosed = false;
  #dialling = false;
  #openingOn: Connection | null = null;
  #attachedAtMs: number | null = null;
  #usedAtMs = 0;
  #failures = 0;
  #retryAtMs = 0;
  #retryTimer: NodeJS.Timeout | null = null;

  constructor(options: PeerLinkOptions) {
    this.#options = options;
    this.#sender = new FrameSender({
      dropped: (count) => options.dropped(this.#connection() === null ? "unreachable" : "queue_full", count),
      lost: () => this.#streamLost(),
    });
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** @param bytes not copied; must not change afterwards */
  send(bytes: Uint8Array): void {
    if (bytes.length > adapterLimits.frameBytesMax) {
      this.#options.dropped("oversize", 1);
      return;
    }
    const nowMs = performance.now();
    this.#usedAtMs = nowMs;
    this.#silence.owes(nowMs);
    this.#sender.push({ kind: frameKinds.message, bytes });
    this.#reach();
  }

  /** Whether the link is made again whenever it is lost, or only when there is something to send. */
  keep(isKept: boolean): void {
    this.#isKept = isKept;
    this.#reach();
  }

  /** Whether a dial of the peer, its identity proven, is the losing half of a simultaneous opening. */
  refusesDial(): boolean {
    if (!this.#winsDial()) return false;
    if (this.#dialling) return true;
    const youngSinceMs = performance.now() - adapterLimits.simultaneousMs;
    return this.#open().some(
      ([connection, { openedAtMs }]) => connection.direction === "outbound" && openedAtMs > youngSinceMs,
    );
  }

  connectionOpened(connection: Connection): void {
    const others = this.#open();
    this.#usedAtMs = performance.now();
    this.#connections.set(connection, { openedAtMs: this.#usedAtMs });
    if (connection.direction === "outbound") {
      // The peer's own dial came first, and it refuses this one.
      if (others.length > 0 && !this.#winsDial()) connection.abort(new Error("The peer's dial came first"));
    } else {
      // A peer dials only when it has no connection: what looked open here was not.
      for (const [other] of others) other.abort(new Error("The peer has connected anew"));
    }
    this.#retryNow();
  }

  connectionClosed(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    if (this.#connections.size > 0) return;
    if (this.#attachedAtMs === null) this.#failed();
    else this.#attachmentEnded();
    this.#silence = new Silence(adapterLimits.silenceMs);
    this.#markDown();
    this.#reach();
  }

  /** Takes in a stream that the peer opened to send on. */
  receive(stream: Stream): void {
    const reader = new FrameReader(adapterLimits.frameBytesMax);
    stream.addEventListener("message", (event) => {
      this.#silence.heard();
      this.#usedAtMs = performance.now();
      const { frames, broken } = reader.read(event.data.subarray());
      for (const frame of frames) this.#receiveFrame(frame);
      if (broken === null || stream.status !== "open") return;
      this.#options.dropped("malformed_frame", 1);
      stream.abort(new Error(broken));
    });
    stream.addEventListener("remoteCloseWrite", () => {
      stream.close().catch((reason: Error) => stream.abort(reason));
    });
  }

  /**
   * Looks after an open link, every second. Of a link that is kept something is to be heard, also when nothing is said: whoever
   * needs it has no time to find out that it is broken.
   *
   * @param hasGossip whether gossip reaches the peer
   * @param stalled this process did not run for a while
   * @returns why the link was cut, if it was
   */
  check(nowMs: number, hasGossip: boolean, stalled: boolean): "silent" | "no_gossip" | null {
    this.#sender.nudge();
    const [newest] = this.#open().slice(-1);
    if (newest === undefined) return null;
    if (this.#isKept) this.#silence.owes(nowMs);
    if (stalled) this.#silence.restart(nowMs);
    const verdict = this.#silence.check(nowMs);
    if (verdict === "probe") this.#sender.push({ kind: frameKinds.probe, bytes: noBytes });
    if (verdict === "dead") return this.#cut("silent");
    const [connection, { openedAtMs }] = newest;
    if (!hasGossip && nowMs - openedAtMs > adapterLimits.gossipGraceMs) return this.#cut("no_gossip");
    this.#closeIdle(connection, nowMs);
    return null;
  }

  /** The peer is no member any more, or this node stops. */
  close(): void {
    this.#isClosed = true;
    this.#cancelRetry();
    this.#sender.close();
    for (const connection of this.#connections.keys()) connection.abort(new Error("The peer is not a member"));
    this.#connections.clear();
    this.#markDown();
  }

  #winsDial(): boolean {
    return compareNames(this.#options.self, this.#options.peer) < 0;
  }

  #open(): (readonly [Connection, { readonly openedAtMs: number }])[] {
    return [...this.#connections].filter(([connection]) => connection.status === "open");
  }

  /** The newest open connection. */
  #connection(): Connection | null {
    return this.#open().at(-1)?.[0] ?? null;
  }

  /** Does the next thing needed to be able to send, if anything is, and if it is time. */
  #reach(): void {
    if (this.#isClosed || this.#sender.isAttached || this.#openingOn !== null) return;
    const connection = this.#connection();
    if (connection === null && (this.#dialling || !(this.#isKept || !this.#sender.isEmpty))) return;
    const waitMs = this.#retryAtMs - performance.now();
    if (waitMs > 0) {
      this.#retryTimer ??= setTimeout(() => this.#retryDue(), Math.ceil(waitMs));
    } else if (connection === null) {
      void this.#dial();
    } else {
      void this.#openStream(connection);
    }
  }

  #retryDue(): void {
    this.#retryTimer = null;
    this.#reach();
  }

  #retryNow(): void {
    this.#cancelRetry();
    this.#retryAtMs = 0;
    this.#reach();
  }

  #cancelRetry(): void {
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
    this.#retryTimer = null;
  }

  async #dial(): Promise<void> {
    this.#dialling = true;
    await this.#options.dial().catch(() => null);
    this.#dialling = false;
    if (this.#connection() === null) this.#failed();
    this.#reach();
  }

  async #openStream(connection: Connection): Promise<void> {
    this.#openingOn = connection;
    const stream = await this.#options.openStream(connection).catch(() => null);
    this.#openingOn = null;
    if (stream === null) connection.abort(new Error("The peer opens no stream"));
    else if (this.#isClosed || !this.#connections.has(connection)) stream.abort(new Error("Too late"));
    else this.#attach(stream);
    this.#reach();
  }

  #attach(stream: Stream): void {
    this.#attachedAtMs = performance.now();
    this.#sender.attach(stream);
    if (this.#isUp) return;
    this.#isUp = true;
    this.#options.up();
  }

  #markDown(): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#options.down();
  }

  #streamLost(): void {
    this.#attachmentEnded();
    this.#reach();
  }

  #attachmentEnded(): void {
    const isStable = this.#attachedAtMs !== null && performance.now() - this.#attachedAtMs >= adapterLimits.stableMs;
    const wasAttached = this.#attachedAtMs !== null;
    this.#attachedAtMs = null;
    if (isStable) this.#failures = 0;
    else if (wasAttached) this.#delayRetry();
  }

  /** Nobody is there to send to: what waited is stale by the time of the next attempt. */
  #failed(): void {
    this.#delayRetry();
    const isLost = !this.#sender.isEmpty;
    this.#sender.clear();
    // Whoever waits for an answer to what was queued need not wait for its deadline.
    if (isLost && !this.#isUp) this.#options.down();
  }

  #delayRetry(): void {
    this.#failures += 1;
    const bounds = { minMs: adapterLimits.backoffMsMin, maxMs: adapterLimits.backoffMsMax };
    this.#retryAtMs = performance.now() + backoffMs(this.#failures, bounds, Math.random());
  }

  #receiveFrame(frame: Frame): void {
    if (frame.kind === frameKinds.message) this.#options.message(frame.bytes);
    if (frame.kind === frameKinds.probe) this.#sender.push({ kind: frameKinds.probeAnswer, bytes: noBytes });
  }

  #cut<Reason extends string>(reason: Reason): Reason {
    for (const [connection] of this.#open()) connection.abort(new Error(`The link is ${reason}`));
    return reason;
  }

  /** Only the side that dialled closes: the other may have reasons to keep the connection that are not known here. */
  #closeIdle(connection: Connection, nowMs: number): void {
    if (this.#isKept || connection.direction === "inbound") return;
    if (nowMs - this.#usedAtMs < adapterLimits.idleMs || !this.#sender.isEmpty) return;
    connection.close().catch((reason: Error) => connection.abort(reason));
  }
}
