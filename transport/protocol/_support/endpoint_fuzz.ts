/** The fuzzer of the endpoint: everything that can happen, in any order, and what must hold nevertheless. */

import { chance, join } from "../../_support/bytes.ts";
import { ConnectionError } from "../../base/errors.ts";
import type { EndpointState } from "../endpoint_state.ts";
import { ProtocolError } from "../wire/errors.ts";
import { decodeHeader, OPCODE_CLOSE } from "../wire/frame.ts";
import { BINARY, CLOSE, closeBody, PING, PONG, Rig, TEXT } from "./endpoint.ts";

/** What a run of the fuzzer has done. */
export interface EndpointFuzzReport {
  /** How many endpoints lived. */
  lives: number;
  /** How many inputs they got. */
  inputs: number;
  /** How often each state was seen after an input. */
  readonly states: Map<EndpointState, number>;
}

/** Deadlines in a row after which an endpoint that nothing happens to has to be over. */
const MAX_DEADLINES = 10;

/**
 * Plays random lives until `until` says that it is enough.
 *
 * @throws {Error} When an endpoint throws what it must not, writes anything behind a close frame, lies about what was
 * written, hands over anything after the end, or does not come to an end.
 */
export function fuzzEndpoint(
  seed: number,
  until: (report: EndpointFuzzReport) => boolean,
): EndpointFuzzReport {
  const next = chance(seed);
  const report: EndpointFuzzReport = {
    lives: 0,
    inputs: 0,
    states: new Map(),
  };
  while (!until(report)) {
    report.lives++;
    live(next, report);
  }
  return report;
}

function live(next: (limit: number) => number, report: EndpointFuzzReport) {
  const rig = new Rig(next(2) === 0 ? "client" : "server", {
    binary: next(2) === 0 ? "copy" : "borrow",
    closeTimeout: 100,
  });
  const { endpoint } = rig;
  let output = new Uint8Array(0);
  let queued: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  rig.onMessage = () => {
    if (next(20) === 0) endpoint.close(1000, "", 100, rig.now);
    if (next(40) === 0) endpoint.terminate();
    if (next(20) === 0) endpoint.resume(rig.now);
    if (next(200) === 0) throw new Error("handler");
    rig.takes = next(4) > 0;
  };
  const payload = () => new Uint8Array(next(next(10) === 0 ? 90_000 : 200));
  const write = () => {
    const piece = endpoint.take();
    if (piece === undefined) return;
    output = join(output, piece);
    endpoint.written(rig.now);
  };
  const act: (() => void)[] = [
    () => {
      const size = 1 + next(queued.length || 1);
      endpoint.receive(queued.slice(0, size), rig.now);
      queued = queued.slice(size);
    },
    () => {
      queued = join(queued, rig.frame(next(2) === 0 ? TEXT : BINARY, "hello"));
    },
    () => queued = join(queued, rig.frame(next(2) === 0 ? PING : PONG)),
    () => endpoint.message(payload()),
    () => endpoint.message("text"),
    () => endpoint.ping(payload()),
    () => endpoint.lend(payload(), () => {}),
    () => endpoint.fragment("binary", payload(), next(2) === 0, next(2) === 0),
    () => endpoint.resume(rig.now),
    () => endpoint.answersDone(rig.now),
    write,
    () => rig.now += next(60),
    () => endpoint.deadlineReached(rig.now),
  ];
  const rare: (() => void)[] = [
    () => queued = join(queued, rig.frame(CLOSE, closeBody(1000 + next(20)))),
    () => queued = join(queued, rig.frame(next(256), "x")),
    () => endpoint.streamEnded(rig.now),
    () => endpoint.streamFailed(new Error("stream"), rig.now),
    () => endpoint.writeFailed(new Error("write"), rig.now),
    () => endpoint.close(next(2) === 0 ? 1000 : undefined, "", 100, rig.now),
    () => endpoint.fail(new Error("ours"), 1011, rig.now),
    () => endpoint.terminate(new Error("cut")),
  ];
  for (let i = 20 + next(60); i >= 0; i--) {
    report.inputs++;
    const from = next(14) === 0 ? rare : act;
    attempt(from[next(from.length)] ?? (() => {}));
    const { state } = endpoint;
    report.states.set(state, (report.states.get(state) ?? 0) + 1);
    check(endpoint.end !== undefined === (state === "ended"), "end and state");
    check(
      state !== "ended" || endpoint.deadline === undefined,
      "late deadline",
    );
  }
  attempt(() => endpoint.close(1000, "", 100, rig.now));
  for (let i = 0; endpoint.end === undefined; i++) {
    check(i < MAX_DEADLINES, `no end in state ${endpoint.state}`);
    attempt(() => endpoint.answersDone(rig.now));
    for (let pieces = next(20); pieces > 0; pieces--) attempt(write);
    if (endpoint.end === undefined) rig.deadline();
  }
  const { length } = rig.events;
  for (const input of act) attempt(input);
  check(rig.events.length === length, "something came after the end");
  check(endpoint.bufferedAmount === 0, "something is buffered after the end");
  const closed = checkOutput(output);
  const { sent, clean, received } = endpoint.end;
  check(sent === undefined || closed, "a close frame that was not written");
  check(clean === (sent !== undefined && received !== undefined), "clean");
}

function attempt(call: () => void): void {
  try {
    call();
  } catch (error) {
    if (error instanceof ConnectionError || error instanceof ProtocolError) {
      return;
    }
    throw error;
  }
}

/** Whether the output ends with a close frame. */
function checkOutput(output: Uint8Array): boolean {
  let at = 0;
  let closed = false;
  while (at < output.length) {
    const header = decodeHeader(output, at);
    if (header === undefined) break;
    check(!closed, "a frame behind the close frame");
    at += header.size + header.length;
    closed = header.opcode === OPCODE_CLOSE && at <= output.length;
  }
  check(!closed || at === output.length, "bytes behind the close frame");
  return closed;
}

function check(condition: boolean, what: string): void {
  if (!condition) throw new Error(`endpoint: ${what}`);
}
