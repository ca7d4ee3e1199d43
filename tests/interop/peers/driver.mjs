/**
 * What every JavaScript peer does, whichever library it uses: echo messages, obey the commands that
 * arrive as messages, and report what it sees. Runs on Node, Bun, Deno, and in browsers.
 *
 * A library is an object with
 * - `version`: what to call it;
 * - `connect(url, options, hooks)`: opens a connection;
 * - `listen(options, accept)`: serves on a free port and returns it. `accept(path)` returns the hooks
 *   of a connection. Absent if the library has no server.
 *
 * `options` are `{ compression, protocols }`. Hooks are `open(handle, protocol, extensions)`, `message`,
 * `pong`, `close(code, reason, clean)`, `error`. A handle has `send`, `close`, and if the library can:
 * `ping(payload)`, `fragments(pieces)`, `terminate()`.
 */

/** Marks a text message as a command. No message under test starts with it. */
const COMMAND = '{"do":';

/** Obeys the commands of a channel until it ends. */
export async function drive(library, channel) {
  channel.report({ kind: "ready", version: library.version });
  for await (const command of channel.commands) {
    const { id, url, options } = command;
    if (command.do === "connect") {
      const hooks = hooksOf(id, channel);
      try {
        library.connect(url, options, hooks);
      } catch (error) {
        hooks.error(error);
      }
    } else if (command.do === "listen") {
      const accept = (path) => hooksOf(path.split(/[/?]/)[1], channel);
      const port = await library.listen(options, accept);
      channel.report({ id, kind: "listening", port });
    }
  }
}

function hooksOf(id, { report }) {
  let handle;
  return {
    open(opened, protocol, extensions) {
      handle = opened;
      report({ id, kind: "open", protocol, extensions });
    },
    message(data) {
      if (typeof data !== "string" || !data.startsWith(COMMAND)) {
        return handle.send(data);
      }
      try {
        obey(handle, JSON.parse(data));
      } catch (error) {
        report({ id, kind: "error", message: String(error) });
      }
    },
    pong(payload) {
      const text = typeof payload === "string"
        ? payload
        : new TextDecoder().decode(payload);
      report({ id, kind: "pong", payload: text });
    },
    close(code, reason, clean) {
      report({ id, kind: "close", code, reason: String(reason), clean });
    },
    error(error) {
      report({ id, kind: "error", message: String(error?.message ?? error) });
    },
  };
}

function obey(handle, command) {
  switch (command.do) {
    case "ping":
      return handle.ping(command.payload);
    case "fragments":
      return handle.fragments(command.pieces, command.binary);
    case "close":
      return handle.close(command.code, command.reason);
    case "terminate":
      return handle.terminate();
    default:
      throw new Error(`Cannot obey ${command.do}: it is not a command.`);
  }
}

/** The handle and the hooks of a `WebSocket` with the interface that browsers have. */
export function attach(socket, hooks, protocol) {
  socket.binaryType = "arraybuffer";
  const handle = {
    send: (data) => socket.send(data),
    close: (...args) =>
      socket.close(...args.filter((arg) => arg !== undefined && arg !== null)),
  };
  socket.onopen = () =>
    hooks.open(handle, protocol ?? socket.protocol, socket.extensions);
  socket.onmessage = ({ data }) =>
    hooks.message(typeof data === "string" ? data : new Uint8Array(data));
  socket.onclose = ({ code, reason, wasClean }) =>
    hooks.close(code, reason, wasClean);
  socket.onerror = (event) => hooks.error(event);
  return handle;
}
