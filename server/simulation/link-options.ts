// How a simulated network behaves. All of it may be changed while a world runs.

/** Times in milliseconds, probabilities from 0 to 1. */
export interface LinkOptions {
  readonly latencyMsMin: number;
  /** Mean of the exponential part that is added to the least latency. */
  readonly latencyMsMean: number;
  /** A message or one hop of a publication disappears. */
  readonly lossProbability: number;
  /** A message arrives a second time, later. */
  readonly duplicateProbability: number;
  /** A message does not wait for those sent before it. */
  readonly reorderProbability: number;
  /** A message is held back by up to `delayMsMax` on top of its latency, and what follows in order with it. */
  readonly delayProbability: number;
  readonly delayMsMax: number;
  /** Time to open a connection, up to this. */
  readonly dialMsMax: number;
  /** Pause before a failed dial is tried again, up to this. */
  readonly redialMsMax: number;
  /** Time until both ends notice that no message gets through any more, up to this. */
  readonly cutNoticeMsMax: number;
}

/** A local network without faults. */
export const calmLink: LinkOptions = {
  latencyMsMin: 0.2,
  latencyMsMean: 0.3,
  lossProbability: 0,
  duplicateProbability: 0,
  reorderProbability: 0,
  delayProbability: 0,
  delayMsMax: 0,
  dialMsMax: 5,
  redialMsMax: 500,
  cutNoticeMsMax: 5_000,
};
