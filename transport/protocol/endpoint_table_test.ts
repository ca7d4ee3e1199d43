import { assert, assertEquals } from "@std/assert";
import { ConnectionError } from "../base/errors.ts";
import { utf8 } from "../_support/bytes.ts";
import {
  CLOSE,
  closeBody,
  PING,
  PONG,
  Rig,
  TEXT,
} from "./_support/endpoint.ts";
import { checkMove, type EndpointState } from "./endpoint_state.ts";

/** Ways to bring an endpoint into each state. */
const STATES = {
  "open": () => {},
  "open, held": (rig: Rig) => {
    rig.takes = false;
    rig.receive(TEXT, "first");
  },
  "closing": (rig: Rig) => rig.endpoint.close(1001, "", 5_000, rig.now),
  "closing, written": (rig: Rig) => {
    rig.endpoint.close(1001, "", 5_000, rig.now);
    rig.write();
  },
  "closing, broken": (rig: Rig) => {
    rig.endpoint.close(1001, "", 5_000, rig.now);
    rig.endpoint.writeFailed(new Error("EPIPE"), rig.now);
  },
  "peer-closing": (rig: Rig) => rig.receive(CLOSE, closeBody(4000)),
  "finishing": (rig: Rig) => {
    rig.receive(CLOSE, closeBody(4000));
    rig.endpoint.answersDone(rig.now);
  },
  "finishing, written": (rig: Rig) => {
    rig.receive(CLOSE, closeBody(4000));
    rig.endpoint.answersDone(rig.now);
    rig.write();
  },
  "finishing, answered": (rig: Rig) => {
    rig.endpoint.close(1001, "", 5_000, rig.now);
    rig.receive(CLOSE, closeBody(1001));
  },
  "finishing, answered and written": (rig: Rig) => {
    rig.endpoint.close(1001, "", 5_000, rig.now);
    rig.write();
    rig.receive(CLOSE, closeBody(1001));
  },
  "failing": (rig: Rig) => rig.receive(0x83),
  "failing, by a fault of ours": ({ endpoint, now }: Rig) =>
    endpoint.fail(new Error("ours"), 1011, now),
  "failing, written": (rig: Rig) => {
    rig.receive(0x83);
    rig.write();
  },
  "draining": (rig: Rig) =>
    rig.endpoint.writeFailed(new Error("EPIPE"), rig.now),
  "ended": (rig: Rig) => rig.endpoint.terminate(),
} as const;

type Start = keyof typeof STATES;

const send = (rig: Rig, call: () => void): string => {
  try {
    call();
    return "";
  } catch (error) {
    assert(error instanceof ConnectionError);
    assert(error.message.includes(rig.endpoint.state), error.message);
    return error.code;
  }
};

/** Later than every deadline. */
const NEVER = 1e9;

/** Everything that can happen to an endpoint. */
const INPUTS = {
  "message": (rig: Rig) => rig.receive(TEXT, "hello"),
  "ping": (rig: Rig) => rig.receive(PING, "p"),
  "pong": (rig: Rig) => rig.receive(PONG, "q"),
  "close frame": (rig: Rig) => rig.receive(CLOSE, closeBody(3000)),
  "violation": (rig: Rig) => rig.receive(0x8b),
  "end of stream": ({ endpoint, now }: Rig) => endpoint.streamEnded(now),
  "stream error": ({ endpoint, now }: Rig) =>
    endpoint.streamFailed(new Error("reset"), now),
  "write error": ({ endpoint, now }: Rig) =>
    endpoint.writeFailed(new Error("EPIPE"), now),
  "send": (rig: Rig) => send(rig, () => rig.endpoint.message("m")),
  "lend": (rig: Rig) =>
    send(rig, () => rig.endpoint.lend(new Uint8Array(70_000), () => {})),
  "fragment": (rig: Rig) =>
    send(rig, () => rig.endpoint.fragment("text", utf8("f"), true, true)),
  "send ping": (rig: Rig) => send(rig, () => rig.endpoint.ping(utf8("s"))),
  "close": ({ endpoint, now }: Rig) => endpoint.close(1000, "", 5_000, now),
  "fail": ({ endpoint, now }: Rig) =>
    endpoint.fail(new Error("ours"), 1011, now),
  "terminate": ({ endpoint }: Rig) => endpoint.terminate(),
  "answers done": ({ endpoint, now }: Rig) => endpoint.answersDone(now),
  "written": (rig: Rig) => void rig.write(),
  "resume": ({ endpoint, now }: Rig) => endpoint.resume(now),
  "early deadline": ({ endpoint, now }: Rig) => endpoint.deadlineReached(now),
  "deadline": ({ endpoint }: Rig) =>
    endpoint.deadlineReached(endpoint.deadline ?? NEVER),
  "bytes, taken in place": ({ endpoint, now }: Rig) => {
    // There is a place for them only in the middle of a large message.
    assertEquals(endpoint.target(), undefined);
    endpoint.filled(0, now);
  },
} as const;

type Input = keyof typeof INPUTS;

/** The state that follows, and after a colon what the handler gets, what is queued and what is thrown. */
type Row = Readonly<Record<Input, string>>;

const CLOSED = "connection-closed";

const OPEN: Row = {
  "message": "open: text hello",
  "ping": "open: ping 70, pong p",
  "pong": "open: pong 71",
  "close frame": "peer-closing",
  "violation": "failing: close 1002",
  "end of stream": "ended",
  "stream error": "ended",
  "write error": "draining",
  "send": "open: text m",
  "lend": "open: 82 70000",
  "fragment": "open: text f",
  "send ping": "open: ping s",
  "close": "closing: close 1000",
  "fail": "failing: close 1011",
  "terminate": "ended",
  "answers done": "open",
  "written": "open",
  "resume": "open",
  "early deadline": "open",
  "deadline": "open",
  "bytes, taken in place": "open",
};

/** A state in which nothing can be sent any more, and in which bytes are ignored. */
function silent(state: EndpointState, own: Partial<Row> = {}): Row {
  const all: Record<string, string> = {};
  for (const input of Object.keys(INPUTS)) all[input] = state;
  return {
    ...OPEN,
    ...all,
    "send": `${state}: ${CLOSED}`,
    "lend": `${state}: ${CLOSED}`,
    "fragment": `${state}: ${CLOSED}`,
    "send ping": `${state}: ${CLOSED}`,
    "stream error": "ended",
    "write error": "ended",
    "terminate": "ended",
    ...own,
  };
}

const QUEUED = "close 1001";

const TABLE: Readonly<Record<Start, Row>> = {
  "open": OPEN,
  "open, held": {
    ...OPEN,
    "message": "open",
    "ping": "open",
    "pong": "open",
    "close frame": "open",
    "violation": "open",
  },
  "closing": silent("closing", {
    "message": `closing: text hello, ${QUEUED}`,
    "ping": `closing: ${QUEUED}`,
    "pong": `closing: ${QUEUED}`,
    "close frame": `finishing: ${QUEUED}`,
    "violation": "ended",
    "end of stream": "ended",
    "write error": "closing",
    "send": `closing: ${QUEUED}, ${CLOSED}`,
    "lend": `closing: ${QUEUED}, ${CLOSED}`,
    "fragment": `closing: ${QUEUED}, ${CLOSED}`,
    "send ping": `closing: ${QUEUED}, ${CLOSED}`,
    "close": `closing: ${QUEUED}`,
    "fail": "ended",
    "answers done": `closing: ${QUEUED}`,
    "written": "closing",
    "resume": `closing: ${QUEUED}`,
    "early deadline": `closing: ${QUEUED}`,
    "deadline": "ended",
    "bytes, taken in place": `closing: ${QUEUED}`,
  }),
  "closing, written": silent("closing", {
    "message": "closing: text hello",
    "close frame": "finishing",
    "violation": "ended",
    "end of stream": "ended",
    "write error": "closing",
    "fail": "ended",
    "deadline": "ended",
  }),
  "closing, broken": silent("closing", {
    "message": "closing: text hello",
    "close frame": "ended",
    "violation": "ended",
    "end of stream": "ended",
    "write error": "closing",
    "fail": "ended",
    "deadline": "ended",
  }),
  "peer-closing": silent("peer-closing", {
    "send": "peer-closing: text m",
    "lend": "peer-closing: 82 70000",
    "close": "finishing: close 1000",
    "fail": "finishing: close 1011",
    "answers done": "finishing: close 4000",
    "deadline": "finishing: close 4000",
  }),
  "finishing": queued("finishing", "close 4000"),
  "finishing, written": silent("finishing", {
    "end of stream": "ended",
    "deadline": "ended",
  }),
  "finishing, answered": queued("finishing", QUEUED),
  "finishing, answered and written": silent("finishing", {
    "end of stream": "ended",
    "deadline": "ended",
  }),
  "failing": queued("failing", "close 1002"),
  "failing, by a fault of ours": queued("failing", "close 1011"),
  "failing, written": silent("failing", {
    "end of stream": "ended",
    "deadline": "ended",
  }),
  "draining": silent("draining", {
    "message": "draining: text hello",
    "ping": "draining: ping 70",
    "pong": "draining: pong 71",
    "close frame": "ended",
    "violation": "ended",
    "end of stream": "ended",
    "write error": "draining",
    "close": "closing",
    "fail": "ended",
    "deadline": "ended",
  }),
  "ended": silent("ended"),
};

/** A state in which only our close frame is still to be written. */
function queued(state: EndpointState, close: string): Row {
  const row: Record<string, string> = {};
  for (
    const [input, cell] of Object.entries(
      silent(state, { "deadline": "ended" }),
    )
  ) {
    const [next, more] = cell.split(": ");
    row[input] = next === "ended" || input === "written"
      ? cell
      : `${next}: ${more === undefined ? close : `${close}, ${more}`}`;
  }
  return { ...OPEN, ...row };
}

for (const role of ["client", "server"] as const) {
  for (const [start, enter] of Object.entries(STATES)) {
    Deno.test(`endpoint table, ${role}: ${start}`, () => {
      const got: Record<string, string> = {};
      for (const [input, apply] of Object.entries(INPUTS)) {
        const rig = new Rig(role);
        enter(rig);
        assertEquals(rig.endpoint.state, start.split(",")[0]);
        const before = rig.events.length;
        const thrown = apply(rig) ?? "";
        const { state, end, deadline } = rig.endpoint;
        assertEquals(end !== undefined, state === "ended");
        if (state === "ended" || state === "open") {
          assertEquals(deadline, undefined);
        } else {assert(
            Number.isFinite(deadline),
            "every other state is bounded",
          );}
        const effects = [
          ...rig.events.slice(before),
          ...rig.write(),
          ...(thrown === "" ? [] : [thrown]),
        ];
        got[input] = [state, ...effects].join(", ").replace(", ", ": ");
      }
      const expected: unknown = Reflect.get(TABLE, start);
      assertEquals(got, expected);
    });
  }
}

Deno.test("endpoint table: a move that nothing can cause throws", () => {
  for (
    const [from, to] of [
      ["ended", "open"],
      ["finishing", "open"],
      ["peer-closing", "failing"],
      ["draining", "finishing"],
      ["open", "finishing"],
    ] as const
  ) {
    let message = "";
    try {
      checkMove(from, to);
    } catch (error) {
      message = String(error);
    }
    assert(message.includes("bug in the library"), `${from} to ${to}`);
  }
  checkMove("open", "closing");
});
