import { reasonOf } from "../base/errors.ts";
import { decide } from "../base/callbacks.ts";
import { HandshakeError } from "./errors.ts";
import { isBoolean } from "./rules.ts";

/**
 * How a server chooses a subprotocol: its own in order of preference, or a function that chooses one of those
 * offered, `undefined` for none.
 *
 * A function that throws or returns anything else, for example a promise, refuses the request with 500.
 */
export type ProtocolChoice =
  | readonly string[]
  | ((offered: readonly string[]) => string | undefined);

/**
 * Which origins (RFC 6454) a server accepts.
 *
 * A list accepts requests that name one of its origins, and those without an `Origin`, which do not come from
 * browsers. A function is asked about both: only `true` accepts. It must not be async: a promise and anything else
 * refuse the request, and so does an exception.
 */
export type OriginChoice =
  | readonly string[]
  | ((origin: string | undefined) => boolean);

/**
 * Checks where a request comes from (RFC 6455, section 4.2.2).
 *
 * @param origin The `Origin` header of the request.
 * @throws {HandshakeError} `origin-refused`, with status 403. The cause is what went wrong in a function.
 */
export function checkOrigin(
  origin: string | undefined,
  choice: OriginChoice | undefined,
): void {
  if (choice === undefined) return;
  let cause: Error | undefined;
  const accepted = typeof choice === "function"
    ? decide(choice, {
      name: "origins",
      accepts: isBoolean,
      rule: "true or false",
      fallback: false,
      onError: (error) => cause ??= error,
    }, origin)
    : origin === undefined || choice.includes(origin);
  if (accepted === true) return;
  throw new HandshakeError(
    "origin-refused",
    `Cannot upgrade: the origin ${origin ?? "(none)"} is not allowed.`,
    { status: 403, ...(cause && { cause }) },
  );
}

/**
 * Chooses a subprotocol, "" for none.
 *
 * @throws {HandshakeError} `bad-protocol`, with status 500, if a function throws, or chooses what was not offered.
 */
export function chooseProtocol(
  offered: readonly string[],
  choice: ProtocolChoice | undefined,
): string {
  if (choice === undefined) return "";
  if (typeof choice !== "function") {
    return choice.find((protocol) => offered.includes(protocol)) ?? "";
  }
  let cause: Error | undefined;
  const chosen = decide(choice, {
    name: "protocols",
    accepts: isOptionalText,
    rule: "one of the offered subprotocols or undefined",
    fallback: undefined,
    onError: (error) => cause ??= error,
  }, offered) ?? "";
  if (cause !== undefined || (chosen !== "" && !offered.includes(chosen))) {
    throw new HandshakeError(
      "bad-protocol",
      `Cannot choose a subprotocol: ${
        cause !== undefined
          ? reasonOf(cause)
          : `${JSON.stringify(chosen)} was not offered.`
      }`,
      { status: 500, ...(cause && { cause }) },
    );
  }
  return chosen;
}

function isOptionalText(value: unknown): value is string | undefined | null {
  return typeof value === "string" || value === undefined || value === null;
}
