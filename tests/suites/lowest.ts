/**
 * The tests on the lowest version of Deno that the library supports, which comes from npm.
 *
 * `deno task suite lowest`
 *
 * @module
 */

const LOWEST = "2.9.3";
const CACHE = new URL(".lowest/", import.meta.url).pathname;
const ROOT = new URL("../../", import.meta.url).pathname;

await Deno.mkdir(CACHE, { recursive: true });
const { success } = await run("npm", [
  "install",
  "--no-audit",
  "--no-fund",
  "--prefix",
  CACHE,
  `deno@${LOWEST}`,
]);
if (!success) Deno.exit(1);
const { code } = await run(`${CACHE}node_modules/.bin/deno`, ["task", "test"]);
Deno.exit(code);

function run(
  command: string,
  args: readonly string[],
): Promise<Deno.CommandStatus> {
  return new Deno.Command(command, {
    args: [...args],
    cwd: ROOT,
    env: { DENO_NO_UPDATE_CHECK: "1" },
  }).spawn().status;
}
