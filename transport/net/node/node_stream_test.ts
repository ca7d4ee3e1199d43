import { assert, assertEquals, assertMatch } from "@std/assert";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import * as net from "node:net";
import { Duplex } from "node:stream";
import * as tls from "node:tls";
import { SERVER_CERT, SERVER_KEY } from "../../_support/certificates.ts";
import { ConnectionError } from "../../base/errors.ts";
import { onDeno } from "../../base/runtime.ts";
import { pause, settled } from "../_support/settled.ts";
import { pattern, StreamEnd } from "../_support/stream_end.ts";
import { NodeStream } from "./node_stream.ts";

const HOST = "127.0.0.1";

function portOf(server: net.Server): number {
  const address = server.address();
  assert(address !== null && typeof address === "object");
  return address.port;
}

Deno.test("taken over after our side was ended: writing is broken, reading is not", async () => {
  const duplex = new Duplex({ read() {}, write() {} });
  duplex.end();
  const stream = new NodeStream(duplex);
  const end = new StreamEnd(stream);
  assertEquals(stream.writable, false);
  assertEquals(stream.write(new Uint8Array(1)), false);
  end.resume();
  duplex.push(new Uint8Array([0]));
  duplex.push(null);
  await end.until(() => end.has("end"));
  assertEquals([end.received, end.calls], [1, ["writeError", "end"]]);
  stream.destroy();
});

Deno.test("a duplex that is no socket may keep what is written to it, and what it has pushed", async () => {
  const kept: Uint8Array[] = [];
  const duplex = new Duplex({
    read() {},
    write(chunk, _encoding, done) {
      kept.push(chunk);
      done();
    },
  });
  const stream = new NodeStream(duplex);
  const seen: Uint8Array[] = [];
  stream.attach({
    data: (bytes) => void seen.push(bytes.fill(0)),
    end: () => {},
    drain: () => {},
    writeError: () => {},
    error: () => {},
  });
  stream.resume();
  const written = new Uint8Array([1, 2, 3]);
  for (let i = 0; i < 3; i++) {
    await settled(() => assert(!stream.writing));
    stream.write(written);
    await settled(() => assert(!stream.writing));
    written.fill(9 - i);
  }
  assertEquals(kept.map((chunk) => [...chunk]), [
    [1, 2, 3],
    [9, 9, 9],
    [8, 8, 8],
  ]);
  // The pool of the runtime, of which many parts are in use elsewhere.
  const pushed = Buffer.from("abc");
  duplex.push(pushed);
  await settled(() => assertEquals(seen.length, 1));
  assertEquals(pushed.toString(), "abc");
  assert(seen[0]?.buffer !== pushed.buffer);
  stream.destroy();
});

Deno.test("a duplex whose write throws has a broken side, and is read on", async () => {
  const duplex = new Duplex({ read() {}, write() {} });
  duplex.write = () => {
    throw new Error("not now");
  };
  const stream = new NodeStream(duplex);
  const end = new StreamEnd(stream);
  end.resume();
  assertEquals(stream.write(new Uint8Array(1)), false);
  await end.until(() => end.has("writeError"));
  duplex.push(new Uint8Array([0]));
  await end.until(() => end.received === 1);
  stream.destroy();
});

Deno.test("a write that fails since the socket has failed reports what the socket failed with", async () => {
  const socket = new net.Socket();
  const reason = new Error("the certificate is refused");
  socket._write = (_chunk, _encoding, done) => {
    socket.destroy(reason);
    done(new Error("Socket is closed"));
  };
  const stream = new NodeStream(socket);
  const failed = new Promise((resolve) =>
    stream.attach({
      data: () => {},
      end: () => {},
      drain: () => {},
      writeError: resolve,
      error: () => {},
    })
  );
  stream.write(new Uint8Array(1));
  assertEquals(await failed, reason);
  stream.destroy();
});

Deno.test("data that came during a pause is delivered before the error that came with it", async () => {
  const duplex = new Duplex({ read() {}, write() {} });
  const end = new StreamEnd(new NodeStream(duplex));
  end.resume();
  duplex.push(pattern(0, 10));
  await end.until(() => end.received === 10);
  end.pause();
  duplex.push(pattern(10, 10));
  await pause(10);
  assert(duplex.isPaused());
  duplex.destroy(new Error("broken"));
  await pause(10);
  assertEquals([end.received, end.calls], [10, ["writeError"]]);
  end.resume();
  await end.until(() => end.has("error"));
  assertEquals([end.received, end.wrong], [20, []]);
});

Deno.test("a pause without data does not stop the duplex", async () => {
  let stops = 0;
  const duplex = new Duplex({ read() {}, write() {} });
  const end = new StreamEnd(new NodeStream(duplex));
  end.resume();
  duplex.on("pause", () => stops++);
  for (let i = 0; i < 10; i++) {
    end.pause();
    end.resume();
  }
  duplex.push(pattern(0, 10));
  await end.until(() => end.received === 10);
  assertEquals(stops, 0);
  duplex.destroy();
  await end.until(() => end.has("error"));
});

Deno.test("a duplex that other code destroys is an error", async () => {
  const duplex = new Duplex({ read() {}, write() {} });
  const end = new StreamEnd(new NodeStream(duplex));
  end.resume();
  duplex.destroy();
  await end.until(() => end.has("error"));
  assertEquals(end.calls, ["error"]);
});

Deno.test("listeners are removed on every way out", async () => {
  for (
    const finish of [
      (stream: NodeStream) => stream.destroy(),
      (_: NodeStream, duplex: Duplex) => duplex.destroy(new Error("broken")),
      (_: NodeStream, duplex: Duplex) => duplex.destroy(),
    ]
  ) {
    const duplex = new Duplex({ read() {}, write() {} });
    const before = duplex.eventNames().map((name) => [
      name,
      duplex.listenerCount(name),
    ]);
    const stream = new NodeStream(duplex);
    new StreamEnd(stream).resume();
    finish(stream, duplex);
    await pause(10);
    stream.destroy();
    await pause(10);
    assertEquals(
      duplex.eventNames().map((name) => [name, duplex.listenerCount(name)]),
      before,
    );
  }
});

// Other runtimes pause TLS without the help of the handle.
if (onDeno) {
  Deno.test("TLS that cannot be paused is cut with 1009 when too much has arrived", async () => {
    const server = tls.createServer({ cert: SERVER_CERT, key: SERVER_KEY });
    server.listen(0, HOST);
    await once(server, "listening");
    const client = tls.connect({
      port: portOf(server),
      host: HOST,
      rejectUnauthorized: false,
    });
    client.on("error", () => {});
    const [socket] = await once(server, "secureConnection");
    server.close();
    assert(socket instanceof tls.TLSSocket);
    // A runtime whose handle has other names.
    const handle: unknown = Reflect.get(socket, "_handle");
    assert(typeof handle === "object" && handle !== null);
    Reflect.set(handle, "_parent", undefined);
    const stream = new NodeStream(socket);
    const { promise, resolve } = Promise.withResolvers<Error>();
    let received = 0;
    stream.attach({
      data: (bytes) => received += bytes.length,
      end() {},
      drain() {},
      writeError() {},
      error: resolve,
    });
    client.write(new Uint8Array(16 * 1_048_576));
    const error = await promise;
    assert(error instanceof ConnectionError);
    assertEquals([error.closeCode, received], [1009, 0]);
    assertMatch(error.message, /cannot pause the stream/);
    client.destroy();
    await settled(() => assert(client.closed && socket.closed));
  });
}
