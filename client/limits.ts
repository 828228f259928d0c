// Every bound and default of the client library. Times in milliseconds, sizes in bytes.

export const clientLimits = {
  /** Time for a whole call, its retries included, unless the caller says otherwise. */
  timeoutMs: 5_000,
  /** Longest time that a caller may give. */
  timeMsMax: 86_400_000,
  /** A call that ends with less of its time left was answered by nobody: nodes take care to answer sooner. */
  silenceMs: 5,
  /** Longest wait for one endpoint to accept a connection. */
  connectMs: 2_000,
  /** As the schema promises to accept; larger requests are refused before they are sent. */
  requestBytesMax: 2 * 1024 * 1024,
  /** A response has 4 MiB at most; the rest is for its frame. */
  responseBytesMax: 5 * 1024 * 1024,
  /** Of a request on a stream of calls; larger ones go by themselves, and hold up no others. */
  streamedBytesMax: 64 * 1024,
  /** Of requests that go together in one message of such a stream. */
  streamMessageBytes: 256 * 1024,
  /** In flight on one stream of calls; what is more goes by itself. */
  streamCallsMax: 1_024,
  /** As a node allows for one call of a stream. */
  streamTimeoutMsMax: 60_000,
  /** For telling the groups that a client which closes needs its sessions no more, or that a lease is not needed after all. */
  farewellMs: 1_000,
  endpointsMax: 64,
  /** Groups of which the client remembers where their leaders answer. */
  routesMax: 1_024,
  /** For an endpoint to say which node answers there; one that has not is asked again after the pause. */
  introductionMs: 1_000,
  introductionPauseMs: 30_000,
  attemptsMax: 200,
  backoffMs: 50,
  backoffMsMax: 1_000,
  /** Keys of a page, where the caller does not say. */
  pageKeys: 1_000,
  /** As the schema allows: keys or leases of a page, keys of a list in a transaction, events of a page, decisions of a group. */
  pageKeysMax: 10_000,
  transactListKeysMax: 1_000,
  pageEventsMax: 1_000,
  decisionsMax: 100,
  /** Nodes or groups of a page. */
  pageRows: 1_000,
  /** Pages that a list of nodes or groups reads at most: a million rows. */
  pagesMax: 1_000,
  keepaliveMs: 10_000,
  keepaliveTimeoutMs: 5_000,
  /** Of one client at one endpoint, which takes 1,024 streams on a connection: more would wait there without a word. */
  watchesMax: 1_000,
  /** What a watch asks for: a sign of life at least this often. */
  watchProgressMs: 5_000,
  /** A watch that has heard nothing for this long looks for another node. */
  watchSilenceMs: 15_000,
  /** Longest wait for a node that is to go on with a watch; then another one is asked. */
  watchResumeMs: 5_000,
  /** As the schema allows. */
  watchBufferBytesMax: 16_777_216,
  /** Bytes of one revision that arrives in fragments; beyond it the watch fails with `overloaded`. */
  watchRevisionBytesMax: 64 * 1024 * 1024,
  /** As the schema allows. */
  leaseTtlMsMin: 1_000,
  leaseTtlMsMax: 86_400_000,
  /** A lease counts as lost while this share of its time is left: clocks may differ, and work takes time to stop. */
  leaseReserve: 0.2,
  /** Share of its time after which a lease is renewed. */
  leaseRenewalShare: 1 / 3,
  /** Longest wait for a renewal's answer, or a quarter of the lease's time if that is less; then another node is asked. */
  leaseAnswerMs: 2_000,
  /** Of a lock or a campaign, where the caller does not say. */
  lockTtlMs: 10_000,
} as const;
