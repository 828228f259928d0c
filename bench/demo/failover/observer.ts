// The client's side, a process of its own: requests the service all the time, each time on a new connection, and asks the
// cluster about the group when the demo wants to know.

import { request } from "node:http";
import { Client } from "../../../client/index.ts";
import type { Sample } from "./gaps.ts";
import type { FromObserver, GroupView, ObserverOptions, ToObserver } from "./observer-messages.ts";

const intervalMs = 25;
/** Far above what an answer takes, and below the second after which a connection is tried again by the kernel. */
const patienceMs = 500;
const tellIntervalMs = 100;
const askPatienceMs = 3_000;

/** The header in which the application names the node that it runs on. */
export const nodeHeader = "x-served-by";

/** Runs until the demo is gone. @param text the options as JSON */
export function runObserver(text: string): void {
  const { url, endpoints, group } = JSON.parse(text) as ObserverOptions;
  const tell = (message: FromObserver) => process.send?.(message, undefined, undefined, () => undefined);
  let samples: Sample[] = [];
  setInterval(() => ask(url, (sample) => samples.push(sample)), intervalMs);
  setInterval(() => {
    if (samples.length > 0) tell({ type: "samples", samples });
    samples = [];
  }, tellIntervalMs);
  const client = new Client({ endpoints, timeoutMs: askPatienceMs });
  process.on("message", (message: ToObserver) => void answer(client, group, message).then(tell));
  process.on("disconnect", () => process.exit(0));
}

function ask(url: string, done: (sample: Sample) => void): void {
  const sentMs = Date.now();
  const call = request(url, { agent: false, signal: AbortSignal.timeout(patienceMs) }, (response) => {
    const node = response.headers[nodeHeader];
    response.on("error", () => end(null));
    response.on("end", () => end(response.statusCode === 200 && typeof node === "string" ? node : null));
    response.resume();
  });
  let isOver = false;
  const end = (node: string | null) => {
    if (isOver) return;
    isOver = true;
    done({ sentMs, endedMs: Date.now(), node });
  };
  call.on("error", () => end(null));
  call.end();
}

async function answer(client: Client, group: string, message: ToObserver): Promise<FromObserver> {
  const { id } = message;
  try {
    const { group: now } =
      message.type === "move" ? await client.moveGroup({ group, to: message.to }) : await client.group(group);
    const { currentOwner, ownershipState, manager, epoch, verdicts, why } = now;
    const up = verdicts.filter(({ status }) => status === "up").map(({ node }) => node);
    const view: GroupView = { owner: currentOwner, state: ownershipState, manager, epoch, up, why };
    return { type: "answer", id, view, error: "" };
  } catch (reason) {
    return { type: "answer", id, view: null, error: reason instanceof Error ? reason.message : String(reason) };
  }
}
