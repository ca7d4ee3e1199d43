import { assert } from "@std/assert";
import { socketPair } from "../testing/mod.ts";
import {
  behaviour,
  type Pair,
  type Traits,
} from "../transport/_support/behaviour_cases.ts";
import { dialNative } from "../transport/client/dial_native.ts";
import { dialRaw } from "../transport/client/dial_raw.ts";
import { listen } from "../transport/server/listen.ts";
import type { Role } from "../transport/protocol/wire/frame.ts";
import { tcpPair } from "../transport/_support/raw.ts";
import { RawSocket } from "../transport/socket/raw_socket.ts";
import type { ByteStream } from "../transport/net/stream/byte_stream.ts";
import { DenoStream } from "../transport/net/deno/deno_stream.ts";
import { memoryStreams } from "../transport/net/stream/memory_stream.ts";
import type { Socket } from "../transport/socket/socket.ts";
import { upgrade } from "../transport/server/upgrade.ts";

const HOST = "127.0.0.1";
const URL_OF_BOTH = "ws://both.test/";

const RAW: Traits = {
  controlFrames: true,
  flowControl: true,
  streams: true,
  saysAnyCode: true,
  cuts: true,
};

/** What a socket of the runtime's own cannot do. */
const NATIVE: Traits = {
  controlFrames: false,
  flowControl: false,
  streams: false,
  saysAnyCode: true,
  cuts: false,
};

interface Kind {
  readonly traits: Readonly<Record<Role, Traits>>;
  readonly open: (role: Role) => Promise<Pair>;
}

/** Every kind of socket, with what sets it apart. */
const KINDS: Readonly<Record<string, Kind>> = {
  "pair in memory": {
    traits: { client: RAW, server: RAW },
    open: (role) => {
      const { client, server } = socketPair();
      return Promise.resolve(pairOf(role, client, server));
    },
  },
  "raw over a stream in memory": {
    traits: { client: RAW, server: RAW },
    open: (role) => Promise.resolve(rawPair(role, memoryStreams())),
  },
  "raw over a stream that takes little": {
    traits: { client: RAW, server: RAW },
    open: (role) => Promise.resolve(rawPair(role, memoryStreams(2_000))),
  },
  "raw over TCP": {
    traits: { client: RAW, server: RAW },
    open: async (role) => {
      const [one, other] = await tcpPair();
      return rawPair(role, [new DenoStream(one), new DenoStream(other)]);
    },
  },
  "native": {
    traits: {
      client: { ...NATIVE, saysAnyCode: false },
      server: NATIVE,
    },
    open: (role) => role === "client" ? nativeClient() : nativeServer(),
  },
};

for (const [kind, { traits, open }] of Object.entries(KINDS)) {
  for (const role of ["client", "server"] as const) {
    behaviour(`${kind}, ${role}`, traits[role], () => open(role));
  }
}

function rawPair(
  role: Role,
  [one, other]: readonly [ByteStream, ByteStream],
): Pair {
  return pairOf(
    role,
    new RawSocket(one, { role: "client", url: URL_OF_BOTH }),
    new RawSocket(other, { role: "server", url: URL_OF_BOTH }),
  );
}

/** Over with both when it is over. */
function pairOf(
  role: Role,
  client: Socket,
  server: Socket,
  end: () => Promise<unknown> = () => Promise.resolve(),
): Pair {
  return {
    socket: role === "client" ? client : server,
    peer: role === "client" ? server : client,
    async [Symbol.asyncDispose]() {
      client.terminate();
      server.terminate();
      await Promise.all([client.closed, server.closed]);
      await end();
    },
  };
}

/** A client of the runtime's, and a raw server. */
async function nativeClient(): Promise<Pair> {
  const listener = listen({ hostname: HOST });
  const { addr } = listener;
  assert(addr.transport === "tcp");
  const incoming = listener[Symbol.asyncIterator]();
  const dialled = dialNative(`ws://${HOST}:${addr.port}`, {});
  const accepted = (await incoming.next()).value?.accept();
  assert(accepted !== undefined);
  return pairOf("client", await dialled, accepted, () => listener.close());
}

/** A server of the runtime's, and a raw client. */
async function nativeServer(): Promise<Pair> {
  const upgraded = Promise.withResolvers<Socket>();
  const server = Deno.serve(
    { hostname: HOST, port: 0, onListen: () => {} },
    (request) => {
      const { socket, response } = upgrade(request);
      upgraded.resolve(socket);
      return response;
    },
  );
  const client = await dialRaw(`ws://${HOST}:${server.addr.port}`, {});
  return pairOf(
    "server",
    client,
    await upgraded.promise,
    () => server.shutdown(),
  );
}
