import { assert, assertEquals } from "@std/assert";

/** The folders of the library; tests and their helpers are left out. */
const FOLDERS = ["inbound", "outbound", "testing", "transport", "websocket"];

/**
 * Errors for users: "Cannot <action>: <reason>." Built-in errors only carry a reason, as the `cause` of one of these.
 */
const FULL =
  /^(Config|Connection|Handshake|Pool|Protocol|RetryLimit)Error$|^DOMException$/;

/** Phrases that a reader of standard technical English has to read twice. */
const FORBIDDEN =
  /\b(by itself|whoever|lest|but for|none but|save (that|for)|let in|held? back|give way|nobody|somebody|must be .*: current value)\b/i;

/** A message that the library can give, with `…` for what is filled in at run time. */
interface Found {
  readonly place: string;
  readonly error: string;
  readonly message: string;
}

async function* sourceFiles(folder: string): AsyncGenerator<string> {
  const root = new URL("../", import.meta.url);
  for await (
    const { name, isDirectory } of Deno.readDir(new URL(folder, root))
  ) {
    const path = `${folder}/${name}`;
    if (isDirectory && name !== "_support") yield* sourceFiles(path);
    else if (/(?<!_test)\.ts$/.test(name)) yield path;
  }
}

/** The end of a string literal or template that begins at `start`. */
function endOfText(source: string, start: number): number {
  const quote = source[start];
  for (let i = start + 1; i < source.length; i++) {
    if (source[i] === "\\") i++;
    else if (source[i] === quote) return i + 1;
    else if (quote === "`" && source.startsWith("${", i)) {
      i = endOfGroup(source, i + 2) - 1;
    }
  }
  return source.length;
}

/** The end of what an opening bracket before `start` encloses. */
function endOfGroup(source: string, start: number): number {
  let depth = 1;
  for (let i = start; i < source.length; i++) {
    const unit = source[i] ?? "";
    if (`"'\``.includes(unit)) i = endOfText(source, i) - 1;
    else if ("([{".includes(unit)) depth++;
    else if (")]}".includes(unit) && --depth === 0) return i + 1;
  }
  return source.length;
}

/** The strings and templates of a piece of source that stand in no brackets, with `…` for expressions. */
function textsOf(source: string): string[] {
  const texts: string[] = [];
  let joins = false;
  for (let i = 0; i < source.length; i++) {
    const unit = source[i] ?? "";
    if (`"'\``.includes(unit)) {
      const end = endOfText(source, i);
      const text = plain(source.slice(i + 1, end - 1), unit === "`");
      if (joins) texts.push((texts.pop() ?? "") + text);
      else texts.push(text);
      i = end - 1;
      joins = false;
    } else if ("([{".includes(unit)) i = endOfGroup(source, i + 1) - 1;
    else if (unit === "+") joins = true;
  }
  return texts;
}

function plain(text: string, isTemplate: boolean): string {
  let result = "";
  for (let i = 0; i < text.length; i++) {
    if (isTemplate && text.startsWith("${", i)) {
      i = endOfGroup(text, i + 2) - 1;
      result += "…";
    } else if (text[i] === "\\") result += text[++i] ?? "";
    else result += text[i];
  }
  return result;
}

async function allMessages(): Promise<Found[]> {
  const found: Found[] = [];
  for (const folder of FOLDERS) {
    for await (const path of sourceFiles(folder)) {
      const source = (await Deno.readTextFile(
        new URL(`../${path}`, import.meta.url),
      )).replace(/^[ \t]*(\/\/|\/?\*).*$/gm, "");
      for (const match of source.matchAll(/new (\w*(?:Error|Exception))\(/g)) {
        const start = match.index + match[0].length;
        const texts = textsOf(
          source.slice(start, endOfGroup(source, start) - 1),
        );
        const line = source.slice(0, match.index).split("\n").length;
        // Codes and names of fields have no space.
        const message = texts.find((text) => text.includes(" "));
        if (message === undefined) continue;
        found.push({
          place: `${path}:${line}`,
          error: match[1] ?? "",
          message,
        });
      }
    }
  }
  return found;
}

const messages = await allMessages();
const print = ({ place, error, message }: Found) =>
  `${place} ${error}: ${message}`;

Deno.test("The list of error messages has those of every folder", () => {
  const folders = new Set(messages.map(({ place }) => place.split("/", 1)[0]));
  assertEquals([...folders].sort(), FOLDERS);
  assert(messages.length > 100, `${messages.length} messages`);
});

Deno.test('Error messages say "Cannot <action>: <reason>."', () => {
  const wrong = messages.filter(({ error, message }) =>
    FULL.test(error) && !/^Cannot [^:]+: ./.test(message)
  );
  assertEquals(wrong.map(print), []);
});

Deno.test("Error messages are one to three sentences that end with a full stop", () => {
  const wrong = messages.filter(({ error, message }) =>
    // An assertion shows what it got last. A reason that is filled in brings its own full stop.
    error !== "AssertionError" &&
    (!/[.…]$/.test(message) || message.split(/\. /).length > 3)
  );
  assertEquals(wrong.map(print), []);
});

Deno.test("Error messages have no phrase that has to be read twice", () => {
  assertEquals(
    messages.filter(({ message }) => FORBIDDEN.test(message)).map(print),
    [],
  );
});
