import { assert, assertEquals } from "@std/assert";
import { assertSame, noise, pattern, SIZES, text } from "./_support/payload.ts";
import type { Terms } from "./peer_checks.ts";
import type { Row } from "./_support/row.ts";
import type { OpenOptions, Session } from "./_support/session.ts";

const BURST = 200;
/** Every kind of message: empty, at each length encoding, 1 MiB, not compressible. */
const MESSAGES = [
  ...SIZES.map(text),
  ...SIZES.map(pattern),
  noise(100_000),
  "\u0000\u{10ffff}\ufeff",
];

/** Text and binary messages of 0 B to 1 MiB come back as they were sent, also many at once. */
export function messages(row: Row, terms: Terms): Promise<void> {
  return echo(row, {}, terms);
}

/** The same, in fragments of ours. */
export function fragmentsOut(row: Row, terms: Terms): Promise<void> {
  return echo(row, { fragmentSize: 4_000 }, terms);
}

/** Fragments of the peer are put together. */
export function fragmentsIn(row: Row): Promise<void> {
  return fragments(row, {});
}

/** Everything again with permessage-deflate. */
export async function compressed(row: Row, terms: Terms): Promise<void> {
  await echo(row, { compression: true }, terms);
}

/** Fragments both ways with permessage-deflate. */
export async function compressedFragments(
  row: Row,
  terms: Terms,
): Promise<void> {
  await echo(row, { compression: true, fragmentSize: 4_000 }, terms);
}

/** Fragments of the peer with permessage-deflate. */
export async function compressedFragmentsIn(row: Row): Promise<void> {
  await fragments(row, { compression: true });
}

async function echo(
  row: Row,
  options: OpenOptions,
  { mark }: Terms,
): Promise<void> {
  const session = await row.open(options);
  checkExtensions(session, options);
  const messages = mark ? ["\ufeffmarked", ...MESSAGES] : MESSAGES;
  for (const message of messages) {
    await session.ours.send(message);
    assertSame(await session.take(), message);
  }
  for (let i = 0; i < BURST; i++) await session.ours.send(`number ${i}`);
  for (let i = 0; i < BURST; i++) {
    assertEquals(await session.take(), `number ${i}`);
  }
  await finish(session);
}

async function fragments(row: Row, options: OpenOptions): Promise<void> {
  const session = await row.open(options);
  checkExtensions(session, options);
  for (const binary of [false, true]) {
    for (const pieces of [["a", "", "b"], pieceList(100, 100)]) {
      await session.command({ do: "fragments", binary, pieces });
      const whole = pieces.join("");
      assertSame(
        await session.take(),
        binary ? new TextEncoder().encode(whole) : whole,
      );
    }
  }
  await finish(session);
}

function pieceList(count: number, size: number): string[] {
  return Array.from({ length: count }, (_, i) => `${i} ü `.repeat(size));
}

function checkExtensions(session: Session, options: OpenOptions): void {
  const agreed = session.ours.extensions.includes("permessage-deflate");
  assertEquals(agreed, options.compression ?? false, "Compression was agreed");
}

async function finish(session: Session): Promise<void> {
  const { clean } = await session.ours.close();
  assert(clean, "The close was not clean");
  assertEquals(session.errors, []);
}
