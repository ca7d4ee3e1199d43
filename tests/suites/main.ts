// deno-lint-ignore-file no-console -- a program speaks to its terminal
/**
 * Runs one of the long suites, each in a process with the permissions that it needs.
 *
 * `deno task suite` lists them, `deno task suite NAME [options]` runs one.
 *
 * @module
 */

interface Suite {
  readonly checks: string;
  /** The options of the suite. The suites that `deno test` runs take its options. */
  readonly options?: string;
  /** The arguments of `deno`. */
  readonly command: string;
}

const SUITES: Readonly<Record<string, Suite>> = {
  chaos: {
    checks: "faults at random between peers and a server, through proxies",
    options: "[--seconds N] [--seed N] [--peers N]",
    command: "run --allow-net tests/suites/chaos.ts",
  },
  chromium: {
    checks: "a page in headless Chromium, if Chromium is installed",
    command: "test -A --trace-leaks tests/suites/chromium.ts",
  },
  conformance: {
    checks: "what RFC 6455 and RFC 7692 require, in both roles, byte for byte",
    command:
      "test --trace-leaks --allow-net=127.0.0.1 tests/suites/conformance",
  },
  deploy: {
    checks:
      "the limits of Deno Deploy, on this version of Deno and on the one that it documents",
    command: "test -A --trace-leaks tests/suites/deploy_test.ts",
  },
  examples: {
    checks: "every example as its user runs it; those that serve are stopped",
    command:
      "test -A --trace-leaks tests/suites/examples_test.ts tests/suites/examples_layers_test.ts tests/suites/stopping_test.ts",
  },
  fuzz: {
    checks: "random input for the receiver, the handshake and the endpoint",
    options: "[--seconds N] [--seed N]",
    command: "run tests/suites/fuzz.ts",
  },
  hostile: {
    checks: "hostile peers, and what they cost",
    options: "[--full] [--only TEXT]",
    command:
      "run --allow-net=127.0.0.1 --allow-run --allow-read tests/suites/hostile/main.ts",
  },
  interop: {
    checks: "foreign clients, servers and proxies",
    options: "[--only NAME] [--write]",
    command: "run -A tests/interop/main.ts",
  },
  leaks: {
    checks: "the memory after thousands of connections",
    options: "[--full] [--connections N]",
    command:
      "run --allow-net=127.0.0.1 --v8-flags=--expose-gc tests/suites/leaks.ts",
  },
  libraries: {
    checks: "libraries that take a WebSocket implementation, on the class",
    command: "test -A --trace-leaks tests/suites/libraries_test.ts",
  },
  liveness: {
    checks:
      "which peers are kept and which are disconnected when processes are stopped and transfers are slow",
    options: "[--full]",
    command:
      "run --allow-net=127.0.0.1,localhost --allow-run --allow-read --allow-env tests/suites/liveness/main.ts",
  },
  lowest: {
    checks: "the tests on the lowest version of Deno that is supported",
    command:
      "run --allow-run --allow-write=tests/suites/.lowest tests/suites/lowest.ts",
  },
  netns: {
    checks:
      "two hosts in network namespaces: packets are lost, the cable is pulled",
    options: "[--peers N]",
    command: "run --allow-run --allow-read tests/suites/netns/main.ts",
  },
  package: {
    checks:
      "the packed package, with the tests and the programs of the documentation, on Node.js 22 and 24, Bun and Deno; in TypeScript; bundled",
    command: "run -A tests/suites/package/main.ts",
  },
  registry: {
    checks: "the package as it comes from a registry, which runs locally",
    command:
      "run --allow-net=127.0.0.1 --allow-read --allow-write --allow-run tests/suites/registry.ts",
  },
  runtimes: {
    checks: "the library on Node.js 22 and on Bun",
    command:
      "run --allow-run --allow-read --allow-write=tests/suites/.runtimes tests/suites/runtimes/main.ts",
  },
  simulate: {
    checks: "ten thousand clients that lose their server, on a simulated clock",
    command: "test --trace-leaks tests/suites/reconnect_simulation_test.ts",
  },
  slow: {
    checks: "consumers that do not read, and peers that do not read",
    command:
      "run --allow-net=127.0.0.1 --allow-run --allow-read tests/suites/slow/main.ts",
  },
  soak: {
    checks:
      "many peers whose processes are stopped, and a server that is killed",
    options: "[--full] [--raw N] [--native N] [--seconds N] [--restarts N]",
    command: "run --allow-run --allow-read tests/suites/soak/main.ts",
  },
  starvation: {
    checks: "how many of the runtime's own sockets starve (without Honeybee)",
    options: "[COUNT]",
    command: "run --allow-net tests/suites/starvation.ts",
  },
  streams: {
    checks:
      "floods, slow readers and listeners without descriptors, on every kind of stream",
    command: "test -A --trace-leaks tests/suites/streams_test.ts",
  },
};

const [name = "", ...options] = Deno.args;
const suite = Object.hasOwn(SUITES, name) ? SUITES[name] : undefined;
if (suite === undefined) {
  if (name !== "") console.log(`Cannot run ${name}: there is no such suite.`);
  console.log("deno task suite NAME [options]\n");
  const width = Math.max(...Object.keys(SUITES).map(({ length }) => length));
  for (const [name, { checks, options = "" }] of Object.entries(SUITES)) {
    console.log(`${name.padEnd(width)}  ${checks} ${options}`.trimEnd());
  }
  Deno.exit(name === "" ? 0 : 1);
}
const child = new Deno.Command(Deno.execPath(), {
  args: [...suite.command.split(" "), ...options],
  cwd: new URL("../../", import.meta.url).pathname,
}).spawn();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => child.kill(signal));
}
Deno.exit((await child.status).code);
