import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  ConnectionError,
  type DialOptions,
  dialRaw,
  HandshakeError,
  type Socket,
} from "../../../mod.ts";
import { RecordingReader } from "../../../testing/mod.ts";
import { pause, within } from "../_support/deadline.ts";
import { killUnderLoad } from "./events.ts";
import type { Login, RunningForwardProxy } from "./forward_proxy.ts";

const HOST = "127.0.0.1";
/** Milliseconds for which a slow proxy does nothing. */
const SLOW = 700;

/** Where the dials of these checks go. */
export interface ForwardPlace {
  /** Of a server behind the proxies. */
  readonly origin: string;
  /** Of a server to which the proxies refuse to connect. */
  readonly forbidden: string;
  readonly caCerts: readonly string[];
  /** A proxy that lets everybody through. */
  readonly open: RunningForwardProxy;
  /** A proxy that asks for credentials. */
  readonly guarded: RunningForwardProxy;
  readonly login: Login;
}

/** What is tried with dials, by the name of its column. */
export const DIALS = {
  "credentials": credentials,
  "wrong credentials": wrongCredentials,
  "refused": refused,
  "slow": slow,
  "too slow": tooSlow,
  "killed while dialling": killedWhileDialling,
};

async function credentials(place: ForwardPlace): Promise<void> {
  await works(await dial(place, guardedBy(place, place.login)));
}

async function wrongCredentials(place: ForwardPlace): Promise<void> {
  for (
    const proxy of [
      `http://${HOST}:${place.guarded.port}`,
      guardedBy(place, { ...place.login, password: "wrong" }),
    ]
  ) {
    const error = await assertRejects(() => dial(place, proxy), HandshakeError);
    assertEquals(error.code, "proxy-refused");
    // Tinyproxy answers 401 to credentials that are wrong.
    assert(error.status === 407 || error.status === 401, `${error.status}`);
  }
}

async function refused(place: ForwardPlace): Promise<void> {
  const { forbidden } = place;
  const error = await assertRejects(
    () => dial({ ...place, origin: forbidden }, openTo(place)),
    HandshakeError,
  );
  assertEquals([error.code, error.status], ["proxy-refused", 403]);
}

async function slow(place: ForwardPlace): Promise<void> {
  const { daemon } = place.open;
  daemon.pause();
  const dialling = dial(place, openTo(place));
  await pause(SLOW);
  daemon.resume();
  await works(await dialling);
}

async function tooSlow(place: ForwardPlace): Promise<void> {
  const { daemon } = place.open;
  daemon.pause();
  try {
    const error = await assertRejects(
      () => dial(place, openTo(place), { handshakeTimeout: SLOW / 2 }),
      HandshakeError,
    );
    assertEquals(error.code, "timeout");
  } finally {
    daemon.resume();
  }
  await works(await dial(place, openTo(place)));
}

async function killedWhileDialling(place: ForwardPlace): Promise<void> {
  const { daemon } = place.open;
  daemon.pause();
  const dialling = assertRejects(() => dial(place, openTo(place)));
  await pause(SLOW / 2);
  await daemon.kill();
  const error = await within("The failure of the dial", dialling);
  assert(
    error instanceof HandshakeError || error instanceof ConnectionError,
    `${error}`,
  );
  assert(["connection-lost", "dial-failed"].includes(error.code), error.code);
  await daemon.start();
  await works(await dial(place, openTo(place)));
}

/** The proxy is killed while a pool sends and receives through it. */
export async function killedUnderLoad(place: ForwardPlace): Promise<void> {
  const { origin, caCerts, open } = place;
  await killUnderLoad(origin, open.daemon, { caCerts, proxy: openTo(place) });
}

function openTo({ open }: ForwardPlace): string {
  return `http://${HOST}:${open.port}`;
}

function guardedBy(
  { guarded }: ForwardPlace,
  { user, password }: Login,
): string {
  const login = [user, password].map(encodeURIComponent).join(":");
  return `http://${login}@${HOST}:${guarded.port}`;
}

function dial(
  { origin, caCerts }: ForwardPlace,
  proxy: string,
  options: DialOptions = {},
): Promise<Socket> {
  return dialRaw(`${origin}/dialled`, { ...options, proxy, caCerts });
}

async function works(socket: Socket): Promise<void> {
  const reader = new RecordingReader();
  socket.start(reader);
  socket.write("hello");
  assertEquals(await within("The echo", reader.take()), "hello");
  socket.close(1000);
  const { clean } = await within("The end", socket.closed);
  assert(clean, "The close was not clean");
}
