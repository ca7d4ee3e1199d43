import { HandshakeError } from "./errors.ts";
import { isToken } from "./token.ts";

/** A parameter of an extension. */
export interface ExtensionParameter {
  /** Its name, a token. */
  readonly name: string;
  /** Its value, unquoted; `undefined` if it has none. */
  readonly value: string | undefined;
}

/** An extension of a `Sec-WebSocket-Extensions` header (RFC 6455, section 9.1). */
export interface Extension {
  /** Its name, a token. */
  readonly name: string;
  /** The parameters in order, including duplicates. */
  readonly parameters: readonly ExtensionParameter[];
}

/**
 * Parses a `Sec-WebSocket-Extensions` value (RFC 6455, section 9.1).
 *
 * Empty elements are skipped (RFC 9110, section 5.6.1.2), so that an empty value names no extension.
 *
 * @example
 * ```ts
 * import { parseExtensions } from "@honeybee/honeybee/protocol";
 *
 * parseExtensions("foo, bar; baz=2");
 * // [{ name: "foo", parameters: [] }, { name: "bar", parameters: [{ name: "baz", value: "2" }] }]
 * ```
 *
 * @throws {HandshakeError} `bad-extension` when it does not follow the grammar.
 */
export function parseExtensions(value: string): Extension[] {
  const scanner = new Scanner(value);
  const extensions: Extension[] = [];
  do {
    if (scanner.at(",") || scanner.atEnd) continue;
    const name = scanner.token();
    const parameters: ExtensionParameter[] = [];
    while (scanner.eat(";")) {
      const parameter = scanner.token();
      parameters.push({
        name: parameter,
        value: scanner.eat("=") ? scanner.value() : undefined,
      });
    }
    extensions.push({ name, parameters });
  } while (scanner.eat(","));
  if (!scanner.atEnd) throw scanner.refusal();
  return extensions;
}

/** Writes extensions as a `Sec-WebSocket-Extensions` value. */
export function formatExtensions(extensions: readonly Extension[]): string {
  return extensions.map(({ name, parameters }) =>
    [
      name,
      ...parameters.map(({ name, value }) =>
        value === undefined ? name : `${name}=${value}`
      ),
    ].join("; ")
  ).join(", ");
}

/** Reads a header value part by part and skips the white space between the parts. */
class Scanner {
  readonly #text: string;
  #place = 0;

  constructor(text: string) {
    this.#text = text;
    this.#skip();
  }

  get atEnd(): boolean {
    return this.#place >= this.#text.length;
  }

  at(mark: string): boolean {
    return this.#text[this.#place] === mark;
  }

  eat(mark: string): boolean {
    if (!this.at(mark)) return false;
    this.#place++;
    this.#skip();
    return true;
  }

  token(): string {
    const start = this.#place;
    while (!this.atEnd && isToken(this.#text[this.#place] ?? "")) {
      this.#place++;
    }
    if (this.#place === start) throw this.refusal();
    const token = this.#text.slice(start, this.#place);
    this.#skip();
    return token;
  }

  /** Reads a token, or a quoted string whose content is a token. */
  value(): string {
    if (!this.at('"')) return this.token();
    let value = "";
    this.#place++;
    while (!this.atEnd && !this.at('"')) {
      if (this.at("\\")) this.#place++;
      value += this.#text[this.#place++] ?? "";
    }
    if (!this.eat('"') || !isToken(value)) throw this.refusal();
    return value;
  }

  refusal(): HandshakeError {
    return new HandshakeError(
      "bad-extension",
      `Cannot read Sec-WebSocket-Extensions: it is not well-formed at character ${this.#place}.`,
    );
  }

  #skip(): void {
    while (this.at(" ") || this.at("\t")) this.#place++;
  }
}
