// Gives equal things one small number, so that a state of the whole group is a short text of numbers.

import { strict as assert } from "node:assert";

/** What a character of a state's text can hold. */
const numbersMax = 65_536;

export class Numbers<Value> {
  readonly #known = new Map<string, number>();
  readonly #values: Value[] = [];

  get size(): number {
    return this.#values.length;
  }

  at(number: number): Value {
    return this.#values[number] as Value;
  }

  /** @param text the same for equal values only */
  numberOf(text: string, make: (number: number) => Value): number {
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const number = this.#values.length;
    assert.ok(number < numbersMax, "More different things than the states' texts can name");
    this.#known.set(text, number);
    this.#values.push(make(number));
    return number;
  }
}
