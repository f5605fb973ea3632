/** A device of a user in the terminal. */
export class Terminal {
  constructor(stack: { oidcIssuer: string; wsUrl: string; httpUrl: string }, user: string, device?: string);
  run(...command: string[]): Promise<string>;
  json(...command: string[]): Promise<Record<string, any>[]>;
  start(...command: string[]): Promise<{ line: () => Promise<string | undefined>; ended: Promise<void>; stop: () => void }>;
}
