/** One thing wrong with the configuration. */
export interface Problem {
  /** Keys and indices from the root; empty where the message itself says where. */
  path: readonly (string | number)[];
  message: string;
}
