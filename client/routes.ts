// Where to ask about a group: at the endpoint whose node leads it, or at one that owns it, as answers have told. A cache that may be
// wrong: whoever is asked by mistake hands the call on, and what does not answer is forgotten.

import { clientLimits } from "./limits.ts";

/** Who answered, as the header of an answer tells it. */
export interface Answerer {
  readonly group: string;
  readonly node: string;
  /** Not the leader answered, but some owner from what it holds itself. */
  readonly stale: boolean;
}

interface Route {
  /** null: not known. */
  readonly leader: string | null;
  /** Some owner; null: not known. */
  readonly owner: string | null;
}

const nowhere: Route = { leader: null, owner: null };

export class Routes {
  readonly #routesMax: number;
  /** By group; the one that was heard of longest ago first. */
  readonly #routes = new Map<string, Route>();
  /** Of nodes that are known to answer there. */
  readonly #endpoints = new Map<string, string>();

  constructor(routesMax: number = clientLimits.routesMax) {
    this.#routesMax = routesMax;
  }

  /** @returns null: any endpoint */
  to(group: string): string | null {
    const { leader, owner } = this.#routes.get(group) ?? nowhere;
    return this.#endpointOf(leader) ?? this.#endpointOf(owner);
  }

  /** Whether nobody knows at which endpoint the leader is. */
  isMissing(group: string): boolean {
    const { leader } = this.#routes.get(group) ?? nowhere;
    return leader !== null && this.#endpointOf(leader) === null;
  }

  /** @returns whether it said nothing new */
  learn({ group, node, stale }: Answerer): boolean {
    const known = this.#routes.get(group) ?? nowhere;
    const route = stale ? { ...known, owner: node } : { leader: node, owner: known.owner };
    this.#routes.delete(group);
    this.#routes.set(group, route);
    const [oldest] = this.#routes.keys();
    if (this.#routes.size > this.#routesMax && oldest !== undefined) this.#routes.delete(oldest);
    return known.leader === route.leader && known.owner === route.owner;
  }

  /** A node has said that it answers at this endpoint. */
  place(node: string, endpoint: string): void {
    this.#endpoints.set(node, endpoint);
  }

  isPlaced(endpoint: string): boolean {
    return [...this.#endpoints.values()].includes(endpoint);
  }

  /** An attempt at the endpoint failed. @param isGone another node may answer there next time */
  forget(group: string, endpoint: string, isGone: boolean): void {
    if (this.to(group) === endpoint) this.#routes.delete(group);
    if (isGone) for (const [node, place] of this.#endpoints) if (place === endpoint) this.#endpoints.delete(node);
  }

  #endpointOf(node: string | null): string | null {
    return node === null ? null : (this.#endpoints.get(node) ?? null);
  }
}
