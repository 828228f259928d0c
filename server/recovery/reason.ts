// Reasons that are stored with a decision, for people.

/** Of a stored reason, as the model promises. */
const reasonCharsMax = 200;

/** `text`, cut to the length that may be stored. */
export function reasonText(text: string): string {
  return text.length <= reasonCharsMax ? text : `${text.slice(0, reasonCharsMax - 3)}...`;
}
