// The cluster that `dev` runs without a file of its own: the nine nodes and four groups of S1 Fig. 2A. Addresses and
// identities are filled in by `dev`.

/** cluster.yaml without addresses and identities. */
export const referenceCluster = `# S1 Fig. 2A: nine nodes, four groups of three owners; n208, n210 and n212 are shared.
name: reference
nodes:
  - {name: n202}
  - {name: n204}
  - {name: n206}
  - {name: n208}
  - {name: n210}
  - {name: n212}
  - {name: n214}
  - {name: n216}
  - {name: n218}
groups:
  - {name: rg220, owners: [n202, n208, n214]}
  - {name: rg222, owners: [n204, n210, n216]}
  - {name: rg224, owners: [n206, n212, n218]}
  - {name: rg226, owners: [n208, n210, n212]}
`;
