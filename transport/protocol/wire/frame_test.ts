import { assertEquals, assertThrows } from "@std/assert";
import { ProtocolError } from "./errors.ts";
import {
  decodeHeader,
  describeFrame,
  encodeHeader,
  type FrameHeader,
} from "./frame.ts";
import { hex, toHex } from "../../_support/bytes.ts";

const PLAIN: FrameHeader = {
  fin: true,
  rsv1: false,
  rsv2: false,
  rsv3: false,
  opcode: 1,
  masked: false,
  length: 0,
};

// What RFC 6455, section 5.2 makes of each header, written out by hand.
const HEADERS: [string, Partial<FrameHeader>, string][] = [
  ["81 05", { length: 5 }, "text fin 5 B"],
  ["01 03", { fin: false, length: 3 }, "text 3 B"],
  ["80 02", { opcode: 0, length: 2 }, "continuation fin 2 B"],
  ["89 7d", { opcode: 9, length: 125 }, "ping fin 125 B"],
  ["82 7e 00 7e", { opcode: 2, length: 126 }, "binary fin 126 B"],
  ["82 7e 01 00", { opcode: 2, length: 256 }, "binary fin 256 B"],
  ["82 7e ff ff", { opcode: 2, length: 65_535 }, "binary fin 65535 B"],
  [
    "82 7f 00 00 00 00 00 01 00 00",
    { opcode: 2, length: 65_536 },
    "binary fin 65536 B",
  ],
  [
    "82 7f 00 00 00 01 80 00 00 01",
    { opcode: 2, length: 0x1_8000_0001 },
    "binary fin 6442450945 B",
  ],
  [
    "82 7f 00 1f ff ff ff ff ff ff",
    { opcode: 2, length: Number.MAX_SAFE_INTEGER },
    "binary fin 9007199254740991 B",
  ],
  ["c1 07", { rsv1: true, length: 7 }, "text fin rsv1 7 B"],
  [
    "3b 00",
    { fin: false, rsv2: true, rsv3: true, opcode: 11 },
    "opcode 11 rsv2 rsv3 0 B",
  ],
];

for (const [digits, fields, description] of HEADERS) {
  Deno.test(`frame: ${description}, both ways, plain and masked`, () => {
    const plain = { ...PLAIN, ...fields };
    const bytes = hex(digits);
    assertEquals(toHex(encodeHeader(plain)), toHex(bytes));
    assertEquals(decodeHeader(bytes), {
      ...plain,
      maskKey: 0,
      size: bytes.length,
    });
    assertEquals(describeFrame(plain), description);
    for (let size = 0; size < bytes.length; size++) {
      assertEquals(decodeHeader(bytes.subarray(0, size)), undefined);
    }

    const masked = { ...plain, masked: true };
    const expected = hex(digits + "37 fa 21 3d");
    expected[1] = (expected[1] ?? 0) | 0x80;
    assertEquals(toHex(encodeHeader(masked, 0x3d21fa37)), toHex(expected));
    const shifted = hex("ff ff ff" + toHex(expected));
    assertEquals(decodeHeader(shifted, 3), {
      ...masked,
      maskKey: 0x3d21fa37,
      size: expected.length,
    });
  });
}

Deno.test("frame: lengths that no frame may have are refused", () => {
  for (
    const [digits, code, closeCode] of [
      ["81 7e 00 7d", "length-not-minimal", 1002],
      ["81 7f 00 00 00 00 00 00 ff ff", "length-not-minimal", 1002],
      ["81 7f 80 00 00 00 00 00 00 00", "length-too-large", 1002],
      ["81 7f ff ff ff ff ff ff ff ff", "length-too-large", 1002],
      ["81 7f 00 20 00 00 00 00 00 00", "length-too-large", 1009],
      ["81 7f 7f ff ff ff ff ff ff ff", "length-too-large", 1009],
    ] as const
  ) {
    const error = assertThrows(() => decodeHeader(hex(digits)), ProtocolError);
    assertEquals([error.code, error.closeCode], [code, closeCode]);
  }
});
