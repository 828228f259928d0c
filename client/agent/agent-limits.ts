// Every bound and default of the agent and its guard. Times in milliseconds, sizes in bytes.

export const agentLimits = {
  /** Between two reports while no group runs here. */
  idleIntervalMs: 1_000,
  intervalMsMin: 100,
  /** For the answer to one report, or a quarter of the shortest right. */
  reportMs: 2_000,
  /** For an answer that is given as soon as there are news, and after 10 s without. */
  newsMs: 15_000,
  /** Before a node that does not tell news is asked again. */
  newsPauseMs: 1_000,
  /** For the answer to a question about a group. */
  readMs: 5_000,
  /** Before a configuration that could not be read is asked for again. */
  readPauseMs: 500,
  /** Between two signs of life to the guard. */
  beatMs: 250,
  /** An agent that has been silent for so long is not waited for. */
  silenceMs: 1_000,
  /** A guard that leaves a sign of life unanswered for so long is killed: everything is stopped then. */
  guardPatienceMs: 5_000,
  /** An agent that has been without a guard for so long gives back what it is given to run. */
  guardlessMs: 10_000,
  /** When a right is about to end: between two signs of life, and the least that one may be left unanswered. */
  urgentBeatMs: 25,
  urgentPatienceMs: 100,
  /** A right that has been over for so long hurries nobody any more. */
  rightOverMs: 1_000,
  /** Where stopping has no time of its own, a right is about to end so long before it does. */
  urgentMs: 500,
  /** Longest pause between two looks of the guard at its clock: timers do not count suspend. */
  guardTickMs: 100,
  /** Killing begins so long before the end of a right: looking at the clock and at all processes takes time. */
  killLeadMs: 150,
  /** The clock of boot-clock.ts moves in steps of so much. */
  clockStepMs: 10,
  /** Between two searches for processes that have to be killed. */
  killPauseMs: 50,
  /** For what was killed to end. What has not by then is held by the system, and counts as what cannot be stopped. */
  killPatienceMs: 10_000,
  /** Before it is looked once more whether none is there. */
  secondLookMs: 10,
  killsQuick: 40,
  /** Before a unit that is on its way to a stop is asked for again. */
  stoppingPauseMs: 250,
  /** Before the stop of a resource that could not be stopped is tried again. */
  stuckPauseMs: 30_000,
  /** Of what a program says of its failure. */
  whyBytesMax: 1_024,
  /** Of a program's standard error, from its end. */
  stderrBytesMax: 8_192,
  /** Groups that one node runs. */
  groupsMax: 1_024,
  /** Groups that it is told to run, as many as a ledger admits: of those beyond `groupsMax` it says that its guard refuses them. */
  grantsMax: 16_384,
  /** Commands under way that fence other nodes. */
  fencesMax: 64,
  /** Of a right that no time ends, on the clock of boot-clock.ts: finite, for JSON knows no other numbers. */
  endlessMs: 1e15,
  /** One message of an agent to its guard: a group's configuration. */
  messageBytesMax: 4 * 1024 * 1024,
  /** One of a guard, which says at first all that it holds: a quarter of a mebibyte for each group. */
  guardMessageBytesMax: 256 * 1024 * 1024,
  /** For a guard to answer after its start. */
  guardStartMs: 10_000,
  /** A guard that holds nothing, and that nobody talks to, ends. */
  guardIdleMs: 5_000,
  /** Between two measurements of the load. */
  measureMs: 1_000,
  /** Of one such report. */
  timingsMax: 256,
  /** For the last report of an agent that was told to end. */
  farewellMs: 5_000,
  /** Of the path of a socket, as the system has it. */
  socketPathBytesMax: 107,
} as const;
