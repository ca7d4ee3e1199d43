const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// deno-lint-ignore no-control-regex -- the control characters are what is forbidden
const BAD_VALUE = /[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]/;

/** Whether a text is a token (RFC 9110, section 5.6.2), as header names and subprotocols are. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/** Whether a text may be the value of a header (RFC 9110, section 5.5): no control character but the tab. */
export function isFieldValue(text: string): boolean {
  return !BAD_VALUE.test(text);
}

/** Whether a text may be the target of a request line: visible ASCII only. */
export function isRequestTarget(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}

/** The parts of a comma-separated list (RFC 9110, section 5.6.1), without empty ones. */
export function listItems(value: string): string[] {
  return value.split(",").map((item) => item.trim()).filter((item) =>
    item !== ""
  );
}
