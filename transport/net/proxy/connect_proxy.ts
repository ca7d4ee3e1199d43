import type { Clock } from "../../base/clock.ts";
import { reasonOf } from "../../base/errors.ts";
import { HandshakeError } from "../../handshake/errors.ts";
import { formatHead } from "../../handshake/head.ts";
import { describeProxy, type Host, type Proxy } from "./proxy.ts";
import {
  type PullStream,
  type ReadResponse,
  readResponse,
  writeAll,
} from "../stream/pull_stream.ts";

/**
 * Asks a proxy to connect to a host (RFC 9110, section 9.3.6). Afterwards the stream leads to the host.
 *
 * @throws {HandshakeError} `proxy-refused` with status, headers and body of the proxy's response; `bad-response` and
 * others if that is no response.
 */
export async function connectThrough(
  stream: PullStream,
  proxy: Proxy,
  { hostname, port }: Host,
  clock: Clock,
): Promise<void> {
  const host = `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  const request = formatHead(`CONNECT ${host} HTTP/1.1`, [
    ["Host", host],
    ...(proxy.authorization === undefined
      ? []
      : [["Proxy-Authorization", proxy.authorization] as const]),
  ]);
  await writeAll(stream, request);
  const { response, early } = await readAnswer(stream, proxy, clock);
  const { status, reason, headers, body } = response;
  if (!isSuccess(status)) {
    throw new HandshakeError(
      "proxy-refused",
      `Cannot connect to ${host}: ${describeProxy(proxy)} answered ${
        `${status} ${reason}`.trim()
      }.`,
      { status, headers: headers.toHeaders(), body },
    );
  }
  if (early.length > 0) {
    throw new HandshakeError(
      "bad-response",
      `Cannot connect to ${host}: ${
        describeProxy(proxy)
      } sent data after its response, before the handshake.`,
    );
  }
}

/** Reads the response of a proxy. An error about it names the proxy. */
async function readAnswer(
  stream: PullStream,
  proxy: Proxy,
  clock: Clock,
): Promise<ReadResponse> {
  try {
    return await readResponse(stream, isSuccess, clock);
  } catch (cause) {
    if (!(cause instanceof HandshakeError)) throw cause;
    throw new HandshakeError(
      cause.code,
      `Cannot connect: ${describeProxy(proxy)} failed: ${reasonOf(cause)}`,
      { cause },
    );
  }
}

function isSuccess(status: number): boolean {
  return status >= 200 && status <= 299;
}
