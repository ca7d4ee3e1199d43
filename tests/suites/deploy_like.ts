/**
 * Runs the example for Deno Deploy where what Deploy lacks is taken away: listening on a port
 * of one's own, and plain TCP to port 443.
 *
 * @module
 */

const { connect } = Deno;

Object.defineProperty(Deno, "listen", {
  value: () => {
    throw new Deno.errors.NotSupported("There is no Deno.listen here");
  },
});
Object.defineProperty(Deno, "connect", {
  value: (options: Deno.ConnectOptions) =>
    options.port === 443
      ? Promise.reject(new Deno.errors.PermissionDenied("Use Deno.connectTls"))
      : connect(options),
});

await import("../../examples/deploy.ts");
