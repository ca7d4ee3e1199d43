const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// deno-lint-ignore no-control-regex -- the control characters are what is forbidden
const BAD_VALUE = /[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]/;

/** Whether a text is a token (RFC 9110, section 5.6.2), as header names and subprotocols are. */
export function isToken(text: string): boolean {
  return TOKEN.test(text);
}

/**
 * Whether a text names a protocol in `Upgrade` (RFC 9110, section 7.8): a token, optionally with a slash and a version.
 */
export function isUpgrade(text: string): boolean {
  const [name = "", ...version] = text.split("/");
  return isToken(name) && version.length < 2 && version.every(isToken);
}

/** Whether a text may be the value of a header (RFC 9110, section 5.5): no control characters except the tab. */
export function isFieldValue(text: string): boolean {
  return !BAD_VALUE.test(text);
}

/** Whether a text may be the target of a request line: visible ASCII without a fragment (RFC 9112, section 3.2). */
export function isRequestTarget(text: string): boolean {
  return /^[\x21\x22\x24-\x7e]+$/.test(text);
}

/** Whether a text may be the value of `Host`: a name or an address, optionally with a port (RFC 9110, section 7.2). */
export function isHost(text: string): boolean {
  return /^(?:\[[\d.:A-Fa-f]+\]|[-\w.~%!$&'()*+,;=]+)(?::\d{0,5})?$/.test(
    text,
  ) &&
    URL.canParse(`http://${text}/`);
}

/** Returns a text without the blanks around it (RFC 9110, section 5.6.3). */
export function trimBlanks(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text[from])) from++;
  while (from < to && isBlank(text[to - 1])) to--;
  return text.slice(from, to);
}

function isBlank(character: string | undefined): boolean {
  return character === " " || character === "\t";
}

/** Returns the elements of a comma-separated list without empty ones (RFC 9110, section 5.6.1). */
export function listItems(value: string): string[] {
  return value.split(",").map(trimBlanks).filter((item) => item !== "");
}
