import { cwd } from "node:process";

/**
 * The only path at which the tests may make a Unix socket. It is in the working directory, so that the tests of two
 * checkouts can run at the same time.
 */
export const UNIX_PATH = `${cwd()}/honeybee-test.sock`;
