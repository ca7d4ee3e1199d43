import { assert, assertEquals, assertThrows } from "@std/assert";
import { zlibCodec } from "../protocol/wire/deflate.ts";
import { HandshakeError } from "./errors.ts";
import {
  acceptDeflate,
  answerDeflate,
  type CompressionOptions,
  type DeflateAgreement,
  offerDeflate,
} from "./negotiation.ts";

/** server no context takeover, client no context takeover, server bits, client bits. */
type Short = readonly [boolean, boolean, number, number];

function short(agreement: DeflateAgreement | undefined): Short | undefined {
  return agreement && [
    agreement.serverNoContextTakeover,
    agreement.clientNoContextTakeover,
    agreement.serverMaxWindowBits,
    agreement.clientMaxWindowBits,
  ];
}

const NAME = "permessage-deflate";
const SNCT = "server_no_context_takeover";
const CNCT = "client_no_context_takeover";
const SMWB = "server_max_window_bits";
const CMWB = "client_max_window_bits";

const OFFERS: readonly (readonly [CompressionOptions, string])[] = [
  [{}, `${NAME}; ${CMWB}`],
  [{ level: 9, memLevel: 1, threshold: 0 }, `${NAME}; ${CMWB}`],
  [{ serverMaxWindowBits: 15, clientMaxWindowBits: 15 }, `${NAME}; ${CMWB}`],
  [{ serverNoContextTakeover: true }, `${NAME}; ${SNCT}; ${CMWB}`],
  [{ clientNoContextTakeover: true }, `${NAME}; ${CNCT}; ${CMWB}`],
  [{ serverMaxWindowBits: 10 }, `${NAME}; ${SMWB}=10; ${CMWB}`],
  [{ clientMaxWindowBits: 9 }, `${NAME}; ${CMWB}=9`],
  [
    {
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
      serverMaxWindowBits: 9,
      clientMaxWindowBits: 12,
    },
    `${NAME}; ${SNCT}; ${CNCT}; ${SMWB}=9; ${CMWB}=12`,
  ],
];
for (const [options, offer] of OFFERS) {
  Deno.test(`negotiation: a client offers ${offer} for ${JSON.stringify(options)}`, () => {
    assertEquals(offerDeflate(options), offer);
  });
}

/** A server's options, a client's offers, the answer, and what was agreed on. */
const ANSWERS: readonly (readonly [
  CompressionOptions,
  string,
  string | undefined,
  Short?,
])[] = [
  [{}, NAME, NAME, [false, false, 15, 15]],
  [{}, `${NAME}; ${CMWB}`, NAME, [false, false, 15, 15]],
  [{}, `x-webkit-deflate-frame, ${NAME}`, NAME, [false, false, 15, 15]],
  // What the client asks of the server is confirmed, the default too.
  [{}, `${NAME}; ${SNCT}`, `${NAME}; ${SNCT}`, [true, false, 15, 15]],
  [{}, `${NAME}; ${SMWB}=15`, `${NAME}; ${SMWB}=15`, [false, false, 15, 15]],
  [{}, `${NAME}; ${SMWB}=9`, `${NAME}; ${SMWB}=9`, [false, false, 9, 15]],
  [{}, `${NAME}; ${SMWB}="12"`, `${NAME}; ${SMWB}=12`, [false, false, 12, 15]],
  // What the client says of itself binds both.
  [{}, `${NAME}; ${CNCT}`, `${NAME}; ${CNCT}`, [false, true, 15, 15]],
  [{}, `${NAME}; ${CMWB}=8`, `${NAME}; ${CMWB}=8`, [false, false, 15, 8]],
  [{}, `${NAME}; ${CMWB}=15`, NAME, [false, false, 15, 15]],
  // What the server wants.
  [{ serverNoContextTakeover: true }, NAME, `${NAME}; ${SNCT}`, [
    true,
    false,
    15,
    15,
  ]],
  [{ clientNoContextTakeover: true }, NAME, `${NAME}; ${CNCT}`, [
    false,
    true,
    15,
    15,
  ]],
  [{ serverMaxWindowBits: 11 }, NAME, `${NAME}; ${SMWB}=11`, [
    false,
    false,
    11,
    15,
  ]],
  [{ serverMaxWindowBits: 11 }, `${NAME}; ${SMWB}=10`, `${NAME}; ${SMWB}=10`, [
    false,
    false,
    10,
    15,
  ]],
  [{ serverMaxWindowBits: 11 }, `${NAME}; ${SMWB}=12`, `${NAME}; ${SMWB}=11`, [
    false,
    false,
    11,
    15,
  ]],
  [{ clientMaxWindowBits: 10 }, `${NAME}; ${CMWB}`, `${NAME}; ${CMWB}=10`, [
    false,
    false,
    15,
    10,
  ]],
  [{ clientMaxWindowBits: 10 }, `${NAME}; ${CMWB}=9`, `${NAME}; ${CMWB}=9`, [
    false,
    false,
    15,
    9,
  ]],
  [{ clientMaxWindowBits: 10 }, `${NAME}; ${CMWB}=14`, `${NAME}; ${CMWB}=10`, [
    false,
    false,
    15,
    10,
  ]],
  // The window of a client that does not allow one in the answer is not answered (section 7.1.2.2).
  [{ clientMaxWindowBits: 10 }, NAME, undefined],
  [
    { clientMaxWindowBits: 10 },
    `${NAME}, ${NAME}; ${CMWB}`,
    `${NAME}; ${CMWB}=10`,
    [false, false, 15, 10],
  ],
  // zlib cannot write with a window of 8 bits.
  [{}, `${NAME}; ${SMWB}=8`, undefined],
  [{}, `${NAME}; ${SMWB}=8, ${NAME}`, NAME, [false, false, 15, 15]],
  [{ codec: zlibCodec }, `${NAME}; ${SMWB}=8`, undefined],
  [
    { codec: { ...zlibCodec, minWindowBits: 8 } },
    `${NAME}; ${SMWB}=8`,
    `${NAME}; ${SMWB}=8`,
    [false, false, 8, 15],
  ],
  // The first offer that can be met is taken, and the order is the client's.
  [{}, `${NAME}; ${SMWB}=10, ${NAME}`, `${NAME}; ${SMWB}=10`, [
    false,
    false,
    10,
    15,
  ]],
  [{}, `${NAME}; nonsense, ${NAME}; ${CNCT}, ${NAME}`, `${NAME}; ${CNCT}`, [
    false,
    true,
    15,
    15,
  ]],
  // All together.
  [
    {},
    `${NAME}; ${CMWB}=13; ${SMWB}=11; ${CNCT}; ${SNCT}`,
    `${NAME}; ${SNCT}; ${CNCT}; ${SMWB}=11; ${CMWB}=13`,
    [true, true, 11, 13],
  ],
  // Nothing that we know.
  [{}, "permessage-bzip2", undefined],
  [{}, `x; y=${NAME}`, undefined],
];
for (const [options, offers, header, agreement] of ANSWERS) {
  const { codec, ...plain } = options;
  const having = `${JSON.stringify(plain)}${codec ? " and a codec" : ""}`;
  Deno.test(`negotiation: a server with ${having} answers ${offers} with ${header}`, () => {
    const answer = answerDeflate(offers, options);
    assertEquals(answer?.header, header);
    assertEquals(short(answer?.agreement), agreement);
  });
}

/** What makes an offer or an answer invalid in either direction (section 7.1). */
const INVALID = [
  "nonsense",
  `${SNCT}=1`,
  `${SNCT}=true`,
  `${CNCT}=x`,
  `${SNCT}; ${SNCT}`,
  `${CNCT}; ${CNCT}`,
  `${SMWB}=10; ${SMWB}=10`,
  `${CMWB}=10; ${CMWB}`,
  `${SMWB}=7`,
  `${SMWB}=16`,
  `${SMWB}=0`,
  `${SMWB}=-9`,
  `${SMWB}=09`,
  `${SMWB}=010`,
  `${SMWB}=1e1`,
  `${SMWB}=9.0`,
  `${SMWB}=+9`,
  `${SMWB}=100`,
  `${SMWB}=x`,
  `${CMWB}=7`,
  `${CMWB}=16`,
  `${CMWB}=08`,
  `${CMWB}=x`,
  SMWB,
];
for (const parameters of INVALID) {
  Deno.test(`negotiation: ${parameters} is declined by a server and fails at a client`, () => {
    assertEquals(answerDeflate(`${NAME}; ${parameters}`, {}), undefined);
    const answer = answerDeflate(`${NAME}; ${parameters}, ${NAME}`, {});
    assertEquals(answer?.header, NAME);
    const error = assertThrows(
      () => acceptDeflate(`${NAME}; ${parameters}`, {}),
      HandshakeError,
    );
    // No status came that retrying could be judged by.
    assertEquals([error.code, error.status], ["bad-extension", undefined]);
  });
}

/** A client's options, the server's answer, and what was agreed on. */
const ACCEPTED: readonly (readonly [CompressionOptions, string, Short])[] = [
  [{}, NAME, [false, false, 15, 15]],
  [{}, `${NAME}; ${SNCT}`, [true, false, 15, 15]],
  [{}, `${NAME}; ${CNCT}`, [false, true, 15, 15]],
  [{}, `${NAME}; ${SMWB}=8`, [false, false, 8, 15]],
  [{}, `${NAME}; ${CMWB}=8`, [false, false, 15, 8]],
  [{}, `${NAME}; ${CMWB}=15; ${SMWB}=15`, [false, false, 15, 15]],
  [{}, `${NAME}; ${CMWB}="10"`, [false, false, 15, 10]],
  [{ serverNoContextTakeover: true }, `${NAME}; ${SNCT}`, [
    true,
    false,
    15,
    15,
  ]],
  // What we said of ourselves holds, whatever the server says.
  [{ clientNoContextTakeover: true }, NAME, [false, true, 15, 15]],
  [{ clientMaxWindowBits: 10 }, NAME, [false, false, 15, 10]],
  [{ clientMaxWindowBits: 10 }, `${NAME}; ${CMWB}=9`, [false, false, 15, 9]],
  [{ clientMaxWindowBits: 10 }, `${NAME}; ${CMWB}=12`, [false, false, 15, 10]],
  [{ serverMaxWindowBits: 10 }, `${NAME}; ${SMWB}=10`, [false, false, 10, 15]],
  [{ serverMaxWindowBits: 10 }, `${NAME}; ${SMWB}=9`, [false, false, 9, 15]],
];
for (const [options, answer, agreement] of ACCEPTED) {
  Deno.test(`negotiation: a client with ${JSON.stringify(options)} takes ${answer}`, () => {
    assertEquals(short(acceptDeflate(answer, options)), agreement);
  });
}

Deno.test("negotiation: a client takes no answer as none", () => {
  for (const nothing of ["", " ", ","]) {
    assertEquals(acceptDeflate(nothing, {}), undefined);
    assertEquals(acceptDeflate(nothing, undefined), undefined);
  }
});

/** A client's options, and answers that do not fit them. */
const REFUSED: readonly (readonly [CompressionOptions | undefined, string])[] =
  [
    [undefined, NAME],
    [undefined, "x"],
    [{}, "x"],
    [{}, "permessage-bzip2"],
    [{}, `${NAME}, ${NAME}`],
    [{}, `${NAME}, x`],
    [{}, `x, ${NAME}`],
    [{}, `${NAME};`],
    [{}, CMWB],
    [{}, `${NAME}; ${CMWB}`],
    // What was asked of the server must be confirmed (sections 7.1.1.1 and 7.1.2.1).
    [{ serverNoContextTakeover: true }, NAME],
    [{ serverMaxWindowBits: 10 }, NAME],
    [{ serverMaxWindowBits: 10 }, `${NAME}; ${SMWB}=11`],
  ];
for (const [options, answer] of REFUSED) {
  Deno.test(`negotiation: a client with ${JSON.stringify(options)} refuses ${answer}`, () => {
    const error = assertThrows(
      () => acceptDeflate(answer, options),
      HandshakeError,
    );
    assertEquals([error.code, error.status], ["bad-extension", undefined]);
  });
}

Deno.test("negotiation: a server refuses offers that break the grammar, even when it wants none", () => {
  for (const options of [{}, undefined]) {
    const error = assertThrows(
      () => answerDeflate(`${NAME}; =1`, options),
      HandshakeError,
    );
    assertEquals(error.code, "bad-extension");
    assertEquals(answerDeflate("a; b", options), undefined);
  }
});

Deno.test("negotiation: whatever the two sides want, they agree on the same", () => {
  const bits = [9, 12, 15];
  const takeovers = [false, true];
  const all: CompressionOptions[] = bits.flatMap((serverMaxWindowBits) =>
    bits.flatMap((clientMaxWindowBits) =>
      takeovers.flatMap((serverNoContextTakeover) =>
        takeovers.map((clientNoContextTakeover) => ({
          serverMaxWindowBits,
          clientMaxWindowBits,
          serverNoContextTakeover,
          clientNoContextTakeover,
        }))
      )
    )
  );
  for (const client of all) {
    for (const server of all) {
      const answer = answerDeflate(offerDeflate(client), server);
      assert(answer !== undefined);
      const agreement = acceptDeflate(answer.header, client);
      assertEquals(agreement, answer.agreement);
      const [snct, cnct, smwb, cmwb] = short(agreement) ?? [];
      assertEquals(
        snct,
        client.serverNoContextTakeover || server.serverNoContextTakeover,
      );
      assertEquals(
        cnct,
        client.clientNoContextTakeover || server.clientNoContextTakeover,
      );
      assertEquals(
        smwb,
        Math.min(
          client.serverMaxWindowBits ?? 0,
          server.serverMaxWindowBits ?? 0,
        ),
      );
      assertEquals(
        cmwb,
        Math.min(
          client.clientMaxWindowBits ?? 0,
          server.clientMaxWindowBits ?? 0,
        ),
      );
    }
  }
});
