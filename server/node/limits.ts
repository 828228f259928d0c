// Every bound of a node in one place, and what happens when it is reached. Times in milliseconds, sizes in bytes.

export const limits = {
  // What a client may send; beyond it `invalid_argument`.
  keyBytesMax: 4 * 1024,
  valueBytesMax: 1024 * 1024,
  listRowsMax: 1000,
  listBytesMax: 1024 * 1024,
  configBytesMax: 1024 * 1024,
  ownersMax: 4096,
  /** Comparisons, and operations of either branch. */
  transactionOperationsMax: 128,
  transactionBytesMax: 1.5 * 1024 * 1024,
  transactionGroupsMax: 16,
  /** Of a deletion, and of a transaction: of each group, and of all together. Replicas that differ in it would apply these differently: it never changes. */
  transactionAnswerBytesMax: 4 * 1024 * 1024,
  /** That a transaction in one group looks at, or a deletion that answers what it removes; it never changes either. */
  transactionKeysMax: 100_000,
  /** Over several groups, that one group coordinates, or has prepared; beyond it `overloaded`. */
  transactionsOpenMax: 256,
  /** Of one other coordinator, remembered one by one; older ones count as over. */
  transactionsClosedMax: 1_024,
  /** Of one group; beyond it `overloaded`. Replicas that differ in it would apply a grant differently: it never changes. */
  leasesMax: 100_000,
  leaseTtlMsMin: 1_000,
  leaseTtlMsMax: 86_400_000,

  // What a node holds at once; beyond it `overloaded`.
  callsMax: 10_000,
  /** Besides: what agents and the managers of their groups ask. Clients must never keep a right from being renewed. */
  agentCallsMax: 10_000,
  callBytesMax: 256 * 1024 * 1024,
  readsMax: 4_096,
  watchesMax: 20_000,
  forwardsMax: 10_000,
  groupsMax: 4_096,
  /** Groups that have begun on the node or have a reservation there. */
  allocationsMax: 16_384,
  /** Of one epoch: who waits for it to have begun durably. */
  allocationWaitersMax: 64,
  /** Keys, values and history of all groups of a node together, for want of another in node.yaml; beyond it `overloaded`. */
  groupsBytesMax: 4 * 1024 * 1024 * 1024,
  callBudgetMsMax: 60_000,
  /** Low watermark of the data directory's disk, for want of another in node.yaml: below it writes are `overloaded`. */
  diskFreeBytesMin: 128 * 1024 * 1024,
  /** Times the watermark: from there on writes are taken again. */
  diskFreeResumeFactor: 1.25,

  // One step of the node; the rest goes on in a later one.
  watchEventsMax: 1_000,
  watchBytesMax: 512 * 1024,
  /** Of one message of a stream to another node, and one event more; what is longer goes in several. */
  watchPartBytes: 1024 * 1024,
  /** Of one that comes in parts, together; beyond it the stream ends with `invalid_argument`. */
  watchRevisionBytesMax: 64 * 1024 * 1024,
  /** Of one message of statuses. */
  watchNodesMax: 256,
  snapshotPartBytes: 256 * 1024,
  /** Small rows of one part. */
  snapshotRowsMax: 4_096,
  applyEntriesMax: 2_048,
  compactRowsMax: 1_000,
  turnInputsMax: 4_096,
  /** Inputs that wait for their turn; beyond it messages of peers are dropped and counted. */
  inputsMax: 65_536,
  /** Withdrawn deadlines kept beyond the number of those that stand; then they are swept out. */
  staleDeadlinesMax: 1_024,

  // Replication.
  snapshotResendMs: 1_000,
  snapshotSilenceMs: 10_000,
  beatIntervalMs: 200,
  /** Of one follower; answers to older ones count nothing. */
  beatsUnanswered: 64,
  /** After a commit that no append follows: until its followers are told. */
  commitNoticeMs: 10,
  /** Votes are asked for after once to twice as long; `electionBoundMs` of proto/policies.ts is longer than that. */
  electionTimeoutMs: 1_000,
  /**
   * An own disk that finishes nothing for so long hangs. Stalls of two seconds are common (journals, networked volumes), and a
   * write that is asked for during one waits for its end and may meet the next: four. A handover costs milliseconds.
   */
  diskPatienceMs: 5_000,
  resendMs: 300,
  lagEntriesMax: 256,
  inflightEntriesMax: 8_192,
  inflightBytesMax: 8 * 1024 * 1024,
  appendBytesMax: 1024 * 1024 + 64 * 1024,
  /** Of a leader, and as much again that waits to be proposed; beyond it `overloaded`. */
  uncommittedBytesMax: 64 * 1024 * 1024,
  /** Of what is proposed at once; one entry always is. */
  proposeBytesMax: 8 * 1024 * 1024,
  /** Entries of an append from which on it is one message for all followers, encoded once, instead of one to each by its number. */
  sharedEntriesMin: 8,
  /**
   * Followers from which on such a message is published instead of sent to each. A publication takes a third more processor with two
   * followers, 15 to 27 % more with four to ten; it keeps long appends of large groups out of the streams of beats and promises.
   */
  publishReceiversMin: 4,
  /** After an unanswered publication, appends are sent directly for this long. */
  publishDistrustMs: 5_000,
  /** Log bytes kept behind the applied state for followers that lag; beyond it they need a snapshot. */
  logBytesKept: 8 * 1024 * 1024,
  logEntriesKept: 20_000,
  /** As many halves of these are kept behind a snapshot: else a follower might never catch up with a busy group. */
  logHalvesHeldMax: 8,
  /** Until a compaction that has not come about is proposed again. */
  compactRetryMs: 5_000,
  /** Into so many steps the time that history is kept is cut. */
  historyMarks: 8,
  /** After a change of the hard state, until it is written once more with what has become durable meanwhile. */
  settleMs: 200,
  /** Rows that the log can rebuild wait so long for a write that somebody waits for, */
  gatherWritesMs: 100,
  /** or until there is so much of them. */
  gatherWritesBytesMax: 2 ** 20,

  // Transactions over several groups.
  /** From its record on, until all have prepared; then it is aborted. */
  transactionTimeoutMs: 4_000,
  /** Comparisons of two readings, before a transaction that only reads takes locks. */
  cutAttemptsMax: 3,
  /** Of the transaction that drains a node, while it is not known what became of it. */
  drainAttemptsMax: 5,
  /** A client is answered after this although some have not carried out the decision yet. */
  transactionAnswerMs: 500,
  /** For one question to another group, and until it is asked again. */
  transactionAskMs: 1_500,
  transactionRetryMs: 200,
  /** Prepared for this long, a group asks the one that coordinates. */
  transactionInquireMs: 2_000,

  // Leases.
  /** Bound on the difference of any two clocks' rates, where lease reads do not ask for a wider one. */
  leaseClockRateErrorMin: 0.05,
  /** Until an end that nothing was heard of, or that a transaction holds up, is proposed again. */
  leaseRetryMs: 500,
  /** After a deadline that passed unseen for so long, renewals that came meanwhile have as long to be heard. */
  leaseStallMs: 100,
  /** Ends and remaining times of one proposal. */
  leaseBatchMax: 1_000,

  // Sessions. What a group remembers of them decides what it carries out: replicas that differ in it would differ.
  /** Of one group; beyond it `overloaded`. */
  sessionsMax: 10_000,
  sessionTtlMsMin: 10_000,
  sessionTtlMsMax: 86_400_000,
  sessionTtlMsUsual: 3_600_000,
  /** Answers of one session that are remembered; older sequences are refused as too old to tell. */
  sessionAnswersMax: 1_024,
  /** Of all sessions of a group; the oldest is forgotten, and its sequence and all below it are too old from then on. */
  groupAnswersMax: 131_072,
  /** Of a refusal that is remembered. */
  refusalCharsMax: 300,
  /** Between two looks of the leader for sessions that nobody uses any more. */
  sessionCheckMs: 2_500,
  /** Of one entry; the rest follow in the next. */
  sessionsExpiredMax: 16,

  // Failure detection and repair.
  suspectMs: 1_200,
  downMs: 2_000,
  /** Between two steps of a node: what goes beyond it is a standstill of this node, and nobody's silence. Above `beatIntervalMs`. */
  standstillMs: 500,
  noQuorumGraceMs: 2_000,
  digestIntervalMs: 2_000,
  /** Peers that are asked in each interval. */
  digestPeers: 3,
  /** Peers that are asked at once when owners have joined a group; the others' turns come next. */
  digestJoinersMax: 16,
  clusterPullIntervalMs: 2_000,
  clusterPullRetryMs: 500,
  eventIntervalMs: 1_000,
  verdictPollMs: 3_000,
  /** Nodes whose failure or return is under discussion at once; a report on one more is repeated by its manager later. */
  pendingNodesMax: 16_384,
  /** Changes of one entry; the rest follow in the next. */
  eventChangesMax: 1_024,
  reportIntervalMs: 1_000,
  fanOutMs: 2_000,
  /** How long all groups of a node are asked where their applications would go if it were drained. */
  foresightMs: 1_000,
  /** How long the groups of a report of an agent are waited for; the others are renewed meanwhile. */
  reportMs: 500,
  /** How long an agent counts as there at least after its last report, and how many it may miss. */
  agentSilentMs: 3_000,
  /** How long an agent may leave it open that it begins what it is given, when another owner can: it may have to read a lot. */
  agentBeginsMs: 60_000,
  /** So long an agent waits for news at most. */
  agentNewsMs: 10_000,
  agentMissesMax: 3,
  /** After a fence that failed, before the next attempt. */
  fencePauseMs: 5_000,
  /** For the order of a fence to reach an agent, and for its outcome to come back: two reports that go wrong. */
  fenceWayMs: 5_000,
  /** Attempts under one epoch that are decisions on record; later ones are only told by `explain`. */
  fencesLogged: 3,
  /** Largest difference of the rates of two clocks that a config may name, as a share. */
  agentClockErrorMax: 0.5,
  /** Of one decision about a placement: what was known of the load of its candidates. */
  decisionSamplesMax: 8,
  /** How long what a ledger has answered counts at the manager that asked. */
  reservationFreshMs: 500,
  /** What agents measure: how often it is taken, and how long it counts. */
  sampleIntervalMs: 1_000,
  sampleFreshMs: 10_000,
  /** Before a call is tried at another owner. */
  retryPauseMs: 50,
  /** How long a call that one owner has refused waits for connections to the others. */
  knockMs: 500,
  parkedCheckMs: 200,
  /** Least that a watch served by another node is heard of. */
  watchProgressMs: 2_000,
  /** A watch served by another node that is not heard of for so long is broken. */
  watchSilenceMs: 6_000,

  // Comparison of the replicas' states.
  /** Applied indexes whose state hash a replica remembers; an older question goes unanswered and is asked anew. */
  hashTrailMax: 256,
  /** Between two comparisons of a group that changes. */
  stateCheckIntervalMs: 60_000,
  /** Of one that does not: a memory may change by itself. */
  stateCheckIdleMs: 3_600_000,
  /** Up to which a replica counts its rows anew for its answer; a larger one trusts the sum that it keeps. */
  recountBytesMax: 1024 * 1024,
  /** Counted anew by one node, all its replicas together: a few milliseconds of work each second, a minute of that at once. */
  recountBytesPerSecond: 256 * 1024,
  recountBytesAtOnceMax: 16 * 1024 * 1024,
  /** While the replicas differ, or while the members change. */
  stateCheckRetryMs: 5_000,
  /** How long the leader waits for the answers to one question. */
  stateAnswerMs: 2_000,
  /** Questions before the replicas that have answered are taken to be all that will. */
  stateAttemptsMax: 3,

  // Allocation.
  /** After which a reservation ends whose epoch has not begun. */
  reservationMs: 10_000,

  // Membership.
  membershipCheckMs: 600,
  /** How long an owner list waits that cannot begin: it is forgotten then, and whoever asked for it is told why. */
  ownersPatienceMs: 3_000,
  /** A member that was not heard yet is invited again after this. */
  inviteIntervalMs: 400,
  /** After which a member without a vote, which hears no leader, asks the owners whether it has been left out. */
  voicelessSilenceMs: 5_000,
  /** After which a silent witness is replaced, where another node can be one. */
  witnessSilenceMs: 10_000,
  /** How long a node that was silent as the witness is taken only when no other is left. */
  witnessRestMs: 600_000,
  /** How long an owner of higher precedence must be fit before leadership goes to it. */
  precedenceSettleMs: 3_000,
  /** Before leadership is handed to the same owner again: doubled each time, up to the most. */
  precedencePauseMs: 15_000,
  precedencePauseMsMax: 600_000,

  // A planned stop.
  /** How long calls that a node has taken keep it from handing over what it leads, */
  handOverPatienceMs: 500,
  /** how long it waits in the end for a peer to say that it has its answers, */
  farewellMs: 1_000,
  /** and how often it looks how far all that is. */
  farewellCheckMs: 25,
  /** How long the word of a peer counts that it stops: above all that its stop may take. */
  departureMs: 10_000,

  // Recovery of a group from one node's data.
  /** Added to revision and epoch: above all that the lost members may have given out, at a thousand a second for 11 days. */
  recoveryJump: 1_000_000_000,

  /** By how much an incarnation of the cluster group is later than the one before, at most: room for some 250 recoveries. */
  clusterIncarnationStepMax: 1_024,
  /** Nodes besides the voters that are asked what they know of the cluster database before it is recovered. */
  recoveryAskedMax: 64,

  // Starts of nodes.
  /** Starts that a node keeps of itself, for peers that were away since one of them. */
  lineageMax: 1_024,
  /** After a start, and for a new group: how long members that have not answered hold up votes and acknowledgements. */
  helloGraceMs: 1_000,
  helloResendMs: 500,
  /** How far the memory of peers lags behind a node that makes promises. */
  lapIntervalMs: 10_000,
  /** Messages of one peer that wait until it is known; appends and parts of snapshots do not, they are sent again. */
  heldMessagesMax: 64,

  // The cluster database.
  /** For want of another in cluster.yaml: a voter that was not heard for so long is replaced. */
  voterSilenceMs: 600_000,
  clusterEntriesKept: 256,
  /** Of one message; who needs more asks again. */
  clusterEntriesBytesMax: 1024 * 1024,
  clusterEventsKept: 1_000,

  // The public API.
  /** Budget of a call without a deadline. */
  callBudgetMsUsual: 5_000,
  /** Taken off a caller's deadline, so that an answer which names the reason arrives before it: a tenth, at most this. */
  answerMarginMsMax: 50,
  /** Wait for the voters of the cluster database, which most answers can do without. */
  clusterAnswerMsMax: 500,
  streamWatchesMax: 1_000,
  /** Calls in flight on one stream of calls, answers that are not written yet among them; more are not read. */
  streamCallsMax: 1_024,
  /** Renewals under way on one stream; more are not read. */
  streamRenewalsMax: 256,
  /** Of answers of one stream that are encoded and not written yet, and of one answer more; the others wait as they are. */
  streamAnswersBytes: 4 * 1024 * 1024,
  /** Of answers that go together in one message; one that is longer goes alone. */
  streamMessageBytes: 64 * 1024,
  /** Events of one response: below every client's usual receive limit of 4 MiB, with room for one event of two values. */
  watchMessageBytesMax: 1024 * 1024,
  /** Nodes that one watch may name. */
  watchedNamesMax: 1_000,
  pageKeysMax: 10_000,
  pageKeysUsual: 1_000,
  pageTokenBytesMax: 8 * 1024,
  failuresShownMax: 20,
  pendingShownMax: 100,
} as const;
