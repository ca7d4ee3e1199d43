import type { Clock } from "../base/clock.ts";
import type { Message } from "../base/message.ts";
import type { MessageDelivery } from "./delivery.ts";

/**
 * Worker block: a delivery that drops messages. They count as received.
 *
 * @param accepts Returns whether a message is delivered. It must not throw.
 */
export function filterMessages(
  delivery: MessageDelivery,
  accepts: (data: Message) => boolean,
): MessageDelivery {
  return {
    open(...args) {
      const sink = delivery.open(...args);
      return {
        message: (data, size, at) =>
          !accepts(data) || sink.message(data, size, at),
        finish: () => sink.finish(),
        end: () => sink.end(),
      };
    },
  };
}

/**
 * Worker block: a delivery that slows peers down. After a message, its connection is not read for a while, so that
 * nothing is lost and the peer gets backpressure. What has arrived is delivered at once when the connection ends.
 *
 * @param pauseAfter Returns the length of the pause in milliseconds, 0 for none. It must not throw. Called once for
 * each message; a connection without backpressure (`flowControl`) is not paused.
 */
export function paceMessages(
  delivery: MessageDelivery,
  clock: Clock,
  pauseAfter: (data: Message) => number,
): MessageDelivery {
  return {
    open(session, source, onOverflow) {
      const { flowControl } = source;
      let isFull = false;
      let isPaused = false;
      let isFinishing = false;
      let cancel = () => {};
      const goOn = () => isFull || isPaused || source.resume();
      const sink = delivery.open(session, {
        flowControl,
        resume() {
          isFull = false;
          goOn();
        },
      }, onOverflow);
      return {
        message(data, size, at) {
          isFull = !sink.message(data, size, at);
          const pause = pauseAfter(data);
          if (pause > 0 && flowControl && !isFinishing) {
            isPaused = true;
            cancel();
            cancel = clock.timer(() => {
              isPaused = false;
              goOn();
            }, pause);
          }
          return !isFull && !isPaused;
        },
        finish() {
          isPaused = false;
          isFinishing = true;
          cancel();
          sink.finish();
          goOn();
        },
        end() {
          cancel();
          sink.end();
        },
      };
    },
  };
}
