// Reasons that are stored with a decision, for people.

import { reasonCharsMax } from "../../proto/model.ts";

/** `text`, cut to the length that may be stored. */
export function reasonText(text: string): string {
  return text.length <= reasonCharsMax ? text : `${text.slice(0, reasonCharsMax - 3)}...`;
}
