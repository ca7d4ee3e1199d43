// deno-lint-ignore-file no-console -- its port goes to its standard output
// Echo by Bun's server, whose core is uWebSockets.
const args = process.argv.slice(2);
const value = (flag) => args[args.indexOf(flag) + 1];
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  ...(args.includes("--cert") && {
    tls: { cert: Bun.file(value("--cert")), key: Bun.file(value("--key")) },
  }),
  fetch: (request, server) =>
    server.upgrade(request) ? undefined : new Response(null, { status: 426 }),
  websocket: {
    maxPayloadLength: 16 << 20,
    perMessageDeflate: args.includes("--deflate"),
    message: (socket, message) => void socket.send(message),
  },
});
console.log(JSON.stringify({ port: server.port }));
