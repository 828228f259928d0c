// Where `dev` keeps a cluster when nothing else is said.

export const defaultDirectory = "bailiwick-dev";

export interface DirectoryFlags {
  readonly data: string;
}
