/**
 * Runs the example for Deno Deploy where what Deploy lacks is taken away.
 *
 * @module
 */

import "./restrict.ts";

await import("../../../examples/deploy.ts");
