// deno-lint-ignore-file no-console -- it reports to the program that started it
/**
 * Dials a TLS port with `caCerts` that did not sign its certificate, and says how that went: `trusting.ts PORT`
 *
 * @module
 */

import process from "node:process";
import { dialRaw } from "../../../mod.ts";
import { OTHER_CA } from "../../../transport/_support/certificates.ts";

try {
  const socket = await dialRaw(`wss://127.0.0.1:${process.argv[2]}`, {
    caCerts: [OTHER_CA],
  });
  socket.terminate();
  console.log("dialled: ok");
} catch (error) {
  console.log(`dialled: ${error}`);
}
