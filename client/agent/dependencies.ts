// What the dependencies between the resources of a group say about their order. Pure; shared by the agent, which starts and
// stops, and its guard, which stops when the agent does not.

import type { DependencySpec, ResourceSpec, RunSpec } from "./run-spec.ts";

/** Whether enough of what a dependency needs is so. */
export function isMet({ needs, isAnyOf }: DependencySpec, isSo: (resource: string) => boolean): boolean {
  return isAnyOf ? needs.some(isSo) : needs.every(isSo);
}

/** Whether it never will be, because those that never will be are too many. */
export function isHopeless({ needs, isAnyOf }: DependencySpec, isLost: (resource: string) => boolean): boolean {
  return isAnyOf ? needs.every(isLost) : needs.some(isLost);
}

/** How far the stop of a resource has got. */
export interface StopProgress {
  readonly isStopped: boolean;
  /** Since when it is being stopped; null: it is not yet. */
  readonly stoppingSinceMs: number | null;
}

/**
 * Whether a resource may be stopped: all that depend on it have stopped, or have been waited for long enough.
 *
 * @param dependencies those that count
 */
export function mayStop(name: string, { dependencies, timeoutOf, progressOf, nowMs }: StopQuestion): boolean {
  return dependencies.every(({ resource, needs, stopWaitMs }) => {
    if (!needs.includes(name)) return true;
    const { isStopped, stoppingSinceMs } = progressOf(resource);
    if (isStopped) return true;
    return stoppingSinceMs !== null && nowMs >= stoppingSinceMs + (stopWaitMs ?? timeoutOf(resource));
  });
}

export interface StopQuestion {
  readonly dependencies: readonly DependencySpec[];
  /** For the stop of a resource. */
  readonly timeoutOf: (resource: string) => number;
  readonly progressOf: (resource: string) => StopProgress;
  readonly nowMs: number;
}

/** The moments at which a wait for a dependent that is being stopped ends. */
export function stopWaitEnds({ dependencies, timeoutOf, progressOf }: Omit<StopQuestion, "nowMs">): readonly number[] {
  return dependencies.flatMap(({ resource, stopWaitMs }) => {
    const { isStopped, stoppingSinceMs } = progressOf(resource);
    return isStopped || stoppingSinceMs === null ? [] : [stoppingSinceMs + (stopWaitMs ?? timeoutOf(resource))];
  });
}

export function resourceNamed({ resources }: RunSpec, name: string): ResourceSpec | undefined {
  return resources.find((resource) => resource.name === name);
}
