import { HandshakeError } from "./errors.ts";
import { isFieldValue, isToken, trimBlanks } from "./token.ts";

/**
 * Headers as a caller gives them: a `Headers`, pairs of name and value, or an object whose fields are the names.
 *
 * Pairs may repeat a name. The same as Deno's `HeadersInit`, which TypeScript does not have everywhere.
 */
export type HeadersInput =
  | Headers
  | Iterable<string[]>
  | Record<string, string>;

/**
 * Makes a `Headers` of what a caller gave.
 *
 * @throws {HandshakeError} `bad-header`, without a status, for anything else than a {@link HeadersInput}, and for a
 * name or a value that HTTP does not allow (RFC 9110, section 5).
 */
export function toHeaders(given: HeadersInput | undefined): Headers {
  const headers = new Headers();
  for (const [name, value, ...more] of entriesOf(given ?? {})) {
    if (typeof name !== "string" || typeof value !== "string") {
      throw badHeaders(
        `the value of ${name} must be a string, and is ${value}`,
      );
    }
    if (more.length > 0) {
      throw badHeaders(`${name} must have one value, pairs may repeat it`);
    }
    const fault = headerFault(name, trimBlanks(value));
    if (fault !== undefined) throw badHeaders(fault);
    headers.append(name, value);
  }
  return headers;
}

function entriesOf(given: HeadersInput): Iterable<readonly string[]> {
  if (typeof given !== "object" || given === null) {
    throw badHeaders(
      "they must be a Headers, an iterable of pairs or an object",
    );
  }
  return isIterable(given) ? given : Object.entries(given);
}

function isIterable(
  given: HeadersInput,
): given is Headers | Iterable<string[]> & HeadersInput {
  return typeof Reflect.get(given, Symbol.iterator) === "function";
}

function badHeaders(why: string): HandshakeError {
  return new HandshakeError("bad-header", `Cannot use the headers: ${why}.`);
}

/** Returns what is wrong with a header (RFC 9110, section 5), `undefined` when nothing is. */
export function headerFault(name: string, value: string): string | undefined {
  if (!isToken(name)) {
    return `the header name ${JSON.stringify(name)} is not a token`;
  }
  return isFieldValue(value)
    ? undefined
    : `the value of ${name} has bytes that are not allowed`;
}

/** The header lines of a head, in order, including duplicates. */
export class HeaderLines {
  readonly #lines: readonly (readonly [name: string, value: string])[];

  /** Takes lines whose names may be in any case. */
  constructor(lines: Iterable<readonly [string, string]>) {
    this.#lines = [...lines].map(([name, value]) => [
      name.toLowerCase(),
      trimBlanks(value),
    ]);
  }

  /** Returns all values of a header, in order. The name must be in lower case. */
  all(name: string): string[] {
    return this.#lines.filter((line) => line[0] === name).map((line) =>
      line[1]
    );
  }

  /** Returns the values of a header joined by commas (RFC 9110, section 5.3), `undefined` if it is absent. */
  get(name: string): string | undefined {
    const values = this.all(name);
    return values.length === 0 ? undefined : values.join(", ");
  }

  /** Returns the same lines as a `Headers`. Several `Cookie` lines are joined by "; " (RFC 9113, section 8.2.3). */
  toHeaders(): Headers {
    const headers = new Headers();
    for (const [name, value] of this.#lines) {
      const cookies = name === "cookie" ? headers.get(name) : null;
      if (cookies === null) headers.append(name, value);
      else headers.set(name, `${cookies}; ${value}`);
    }
    return headers;
  }

  /** Iterates over the lines, with names in lower case. */
  [Symbol.iterator](): Iterator<readonly [name: string, value: string]> {
    return this.#lines[Symbol.iterator]();
  }
}
