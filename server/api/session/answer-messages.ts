// Answers that are ready together, as messages of the stream: one by one, or several in one message for a client that takes
// them so. A message of many is the first with the others behind it in its field `more`. Where it takes counting how many fit,
// each is encoded by itself.

import { toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { type SessionResponse, SessionResponseSchema } from "../../../proto/gen/bailiwick/v1/session_pb.ts";
import { limits } from "../../node/limits.ts";
import { EncodedMessage } from "../service.ts";

const { number: moreField } = SessionResponseSchema.field.more;

export interface AnswerMessage {
  readonly message: EncodedMessage;
  readonly answers: number;
}

/**
 * @param isTogether the client takes several in one message: as many as `limits.streamMessageBytes` holds, at least one
 * @param room bytes, one answer more than which is encoded: what is left over is to be asked for again; nothing without any
 */
export function toMessages(
  answers: readonly SessionResponse[],
  isTogether: boolean,
  room: number,
): readonly AnswerMessage[] {
  if (room <= 0) return [];
  const all = isTogether && answers.every(isShort) ? inOne(answers) : null;
  if (all !== null && all.message.bytes.byteLength <= limits.streamMessageBytes) return [all];
  const bytesMax = isTogether ? limits.streamMessageBytes : 0;
  const messages: AnswerMessage[] = [];
  let batch: Uint8Array[] = [];
  let bytes = 0;
  let left = room;
  for (const answer of answers) {
    if (left <= 0) break;
    const encoded = toBinary(SessionResponseSchema, answer);
    if (batch.length > 0 && bytes + encoded.byteLength > bytesMax) {
      messages.push(join(batch));
      batch = [];
      bytes = 0;
    }
    batch.push(encoded);
    bytes += encoded.byteLength;
    left -= encoded.byteLength;
  }
  if (batch.length > 0) messages.push(join(batch));
  return messages;
}

/** Whether the answer holds no values of keys: many of these fit into one message. */
function isShort({ response }: SessionResponse): boolean {
  if (response.case === "put") return response.value.previous === undefined;
  return response.case === "delete" && response.value.previous.length === 0;
}

/** @returns null when there is none */
function inOne([first, ...more]: readonly SessionResponse[]): AnswerMessage | null {
  if (first === undefined) return null;
  return asMessage(toBinary(SessionResponseSchema, { ...first, more }), more.length + 1);
}

function join([first = new Uint8Array(0), ...more]: readonly Uint8Array[]): AnswerMessage {
  const writer = new BinaryWriter().raw(first);
  for (const answer of more) writer.tag(moreField, WireType.LengthDelimited).bytes(answer);
  return asMessage(more.length === 0 ? first : writer.finish(), more.length + 1);
}

function asMessage({ buffer, byteOffset, byteLength }: Uint8Array, answers: number): AnswerMessage {
  return { message: new EncodedMessage(Buffer.from(buffer, byteOffset, byteLength)), answers };
}
