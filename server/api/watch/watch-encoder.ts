// What happened, as bytes of the wire: made once for all watches of the node that are told the same, which the node says by
// handing each of them the same message.

import { create, toBinary } from "@bufbuild/protobuf";
import { type WatchEvents, type WatchResponse, WatchResponseSchema } from "../../../proto/gen/bailiwick/v1/watch_pb.ts";
import type { WatchMessage } from "../../../proto/requests.ts";

/** A response without its watch_id, which is the only thing that differs from watch to watch. */
export type ResponseBody = Uint8Array;

export class WatchEncoder {
  /** By form; gone with the message. */
  readonly #bodies = new WeakMap<WatchMessage, Map<string, readonly ResponseBody[]>>();

  /** @param form of two watches that are told the same in different words, such as keys alone: another name */
  encode(message: WatchMessage, form: string, make: () => readonly WatchEvents[]): readonly ResponseBody[] {
    const forms = this.#bodies.get(message) ?? new Map<string, readonly ResponseBody[]>();
    this.#bodies.set(message, forms);
    const known = forms.get(form);
    if (known !== undefined) return known;
    const bodies = make().map(encodeBody);
    forms.set(form, bodies);
    return bodies;
  }
}

function encodeBody(value: WatchEvents): ResponseBody {
  return toBinary(WatchResponseSchema, create(WatchResponseSchema, { response: { case: "events", value } }));
}

/** The bytes of the whole response: fields may stand in any order. */
export function withWatchId(watchId: number, body: ResponseBody): Buffer {
  const head: WatchResponse = create(WatchResponseSchema, { watchId });
  return Buffer.concat([toBinary(WatchResponseSchema, head), body]);
}
