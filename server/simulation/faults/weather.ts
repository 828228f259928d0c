// Bad links and slow disks: states that last, rather than events. They count as having struck when they are not calm.

import { calmLink, type LinkOptions } from "../link-options.ts";
import { calmDisk, type DiskOptions } from "../sim-disk.ts";
import type { World } from "../world.ts";
import type { Fault } from "./fault.ts";

export class BadLinks implements Fault {
  readonly name = "links";
  readonly isConstant = false;
  readonly #world: World;
  readonly #link: LinkOptions;

  constructor(world: World, link: LinkOptions) {
    this.#world = world;
    this.#link = link;
  }

  get count(): number {
    return this.#link === calmLink ? 0 : 1;
  }

  start(): void {
    this.#world.network.setLink(this.#link);
  }

  heal(): void {
    this.#world.network.setLink(calmLink);
  }
}

export class SlowDisks implements Fault {
  readonly name = "disks";
  readonly isConstant = false;
  readonly #world: World;
  readonly #disk: DiskOptions;

  constructor(world: World, disk: DiskOptions) {
    this.#world = world;
    this.#disk = disk;
  }

  get count(): number {
    return this.#disk === calmDisk ? 0 : 1;
  }

  start(): void {
    for (const { disk } of this.#world.nodes) disk.setOptions(this.#disk);
  }

  heal(): void {
    for (const { disk } of this.#world.nodes) disk.setOptions(calmDisk);
  }
}
