import { frame, join, toHex } from "../../_support/bytes.ts";
import { check, head, LIKE_FRAMES, pattern } from "../_support/receiver.ts";

// Limits.

check(
  "a message of the size that is allowed",
  (from) =>
    join(frame(from, 0x02, pattern(60)), frame(from, 0x80, pattern(40))),
  [["binary", toHex(join(pattern(60), pattern(40)))]],
  { maxMessageSize: 100, maxFrameSize: 60, maxFragments: 2 },
);
check(
  "a frame too large fails at its header",
  (from) => frame(from, 0x82, pattern(61)).subarray(0, head(from)),
  [["error", "frame-too-large", 1009, 1]],
  { maxFrameSize: 60 },
);
check(
  "a message too large fails at the header that makes it so",
  (from) =>
    join(
      frame(from, 0x02, pattern(60)),
      frame(from, 0x00, pattern(41)).subarray(0, head(from)),
    ),
  (from) => [["error", "message-too-large", 1009, head(from) + 61]],
  { maxMessageSize: 100 },
);
check(
  "one frame too large for a message fails at its header",
  (from) => frame(from, 0x81, pattern(101)).subarray(0, head(from)),
  [["error", "message-too-large", 1009, 1]],
  { maxMessageSize: 100 },
);
check(
  "a whole frame of the size that is allowed",
  (from) => frame(from, 0x82, pattern(130)),
  [["binary", toHex(pattern(130))]],
  { maxMessageSize: 130, maxFrameSize: 130 },
);
check(
  "a whole frame too large fails",
  (from) => frame(from, 0x82, pattern(131)),
  [["error", "frame-too-large", 1009, 1]],
  { maxFrameSize: 130 },
);
check(
  "a whole message too large fails",
  (from) => frame(from, 0x81, "a".repeat(101)),
  [["error", "message-too-large", 1009, 1]],
  { maxMessageSize: 100 },
);
check(
  "a payload that looks like frames",
  (from) =>
    join(frame(from, 0x89, LIKE_FRAMES), frame(from, 0x82, LIKE_FRAMES)),
  [["ping", toHex(LIKE_FRAMES)], ["binary", toHex(LIKE_FRAMES)]],
);
check(
  "too many fragments fail, empty ones included",
  (from) =>
    join(
      frame(from, 0x02, ""),
      frame(from, 0x00, ""),
      frame(from, 0x89, ""),
      frame(from, 0x00, ""),
      frame(from, 0x00, ""),
    ),
  (from) => [
    ["ping", ""],
    ["error", "too-many-fragments", 1009, 4 * head(from)],
  ],
  { maxFragments: 3 },
);
check(
  "the fragments of each message are counted anew",
  (from) =>
    join(
      frame(from, 0x02, "a"),
      frame(from, 0x80, "b"),
      frame(from, 0x02, "c"),
      frame(from, 0x80, "d"),
    ),
  [["binary", "6162"], ["binary", "6364"]],
  { maxFragments: 2 },
);
