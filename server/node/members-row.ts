// Who belongs to a group, as part of its replicated state: what the log's control entries have said up to the applied index.
// The Raft core runs ahead of it with what is not committed yet.

import { decodeConfiguration, encodeConfiguration } from "../../proto/codec/records.ts";
import type { NodeId } from "../../proto/ids.ts";
import { type Configuration, firstConfiguration, type Membership } from "../../proto/membership.ts";
import type { Entry } from "../../proto/raft.ts";
import { emptyBytes } from "../../storage/bytes.ts";
import { configurationAfter } from "../raft/configurations.ts";
import type { SmallRow } from "./replica-rows.ts";
import type { StateRows } from "./state-rows.ts";

export class MembersRow {
  readonly #rows: StateRows;
  #configuration: Configuration;

  private constructor(rows: StateRows, configuration: Configuration) {
    this.#rows = rows;
    this.#configuration = configuration;
  }

  /** Of a group that begins with these owners. */
  static genesis(rows: StateRows, owners: readonly NodeId[]): MembersRow {
    return MembersRow.begin(rows, firstConfiguration(owners));
  }

  /** Of a group that goes on with these members. */
  static begin(rows: StateRows, configuration: Configuration): MembersRow {
    const members = new MembersRow(rows, configuration);
    members.#set(configuration);
    return members;
  }

  /** @throws {CodecError} when the row is damaged @returns null when it is missing */
  static restore(rows: StateRows, small: readonly SmallRow[]): MembersRow | null {
    const row = small.find(({ table }) => table === "membership");
    return row === undefined ? null : new MembersRow(rows, decodeConfiguration(row.value));
  }

  /** The group goes on with these members. */
  replace(configuration: Configuration): void {
    this.#set(configuration);
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  get membership(): Membership {
    return this.#configuration.membership;
  }

  /** @param entry a control entry @returns whether it changed the membership */
  apply(entry: Entry): boolean {
    const before = this.#configuration;
    this.#set(configurationAfter(before, entry));
    return this.#configuration.index !== before.index;
  }

  #set(configuration: Configuration): void {
    this.#configuration = configuration;
    this.#rows.set("membership", emptyBytes, encodeConfiguration(configuration));
  }
}
