import {
  type Abilities,
  type Lack,
  NATIVE,
  NATIVE_CUT,
  NO_1014,
} from "./abilities.ts";
import type { Make } from "./makes.ts";
import {
  CHECK_NAMES,
  type CheckName,
  CHECKS,
  codesOf,
  MESSAGE_CHECKS,
  type Terms,
} from "./peer_checks.ts";
import { ACCEPTORS } from "./_support/acceptor.ts";
import { type Cell, Matrix, type RowNames } from "./_support/matrix.ts";
import { Peer } from "./_support/peer.ts";
import { clientRow, DIALERS, type Row, serverRow } from "./_support/row.ts";
import type { Tally } from "./_support/tally.ts";

/** The matrix of messages and that of control frames. */
export type PeerMatrices = readonly [Matrix, Matrix];

/** Makes the matrices of {@linkcode runRow}. */
export function peerMatrices(title: string, head: RowNames): PeerMatrices {
  return [
    new Matrix(`${title}: messages`, head, MESSAGE_CHECKS),
    new Matrix(
      `${title}: control frames and the end of a connection`,
      head,
      CHECK_NAMES.filter((name) => !MESSAGE_CHECKS.includes(name)),
    ),
  ];
}

/** Runs every check with one implementation, in each role, with each part of ours. */
export async function runMake(
  make: Make,
  matrices: PeerMatrices,
  tally: Tally,
): Promise<void> {
  const { client, server } = make;
  if (client !== undefined) {
    for (const acceptor of ACCEPTORS) {
      await using peer = await Peer.start(await make.start());
      await using row = await clientRow(peer, acceptor);
      const names = [peer.version, `\`${acceptor}\``] as const;
      await runRow(row, names, client, matrices, tally);
    }
  }
  if (server !== undefined) {
    for (const dialer of DIALERS) {
      await using peer = await Peer.start(await make.start());
      await using row = serverRow(peer, dialer);
      const names = [`\`${dialer}\``, peer.version] as const;
      await runRow(row, names, server, matrices, tally);
    }
  }
}

/** Runs every check on one row. */
export async function runRow(
  row: Row,
  names: RowNames,
  abilities: Abilities,
  matrices: PeerMatrices,
  tally: Tally,
): Promise<void> {
  for (const check of CHECK_NAMES) {
    const matrix = matrices[MESSAGE_CHECKS.includes(check) ? 0 : 1];
    const reason = abilities.cannot?.[check] ?? ours(row, check);
    if (reason !== undefined) {
      matrix.set(names, check, { outcome: "cannot", notes: [reason] });
      continue;
    }
    const { terms, held } = termsOf(row, check, abilities);
    const run = () => CHECKS[check](row, terms);
    await tally.check(matrix, names, check, run, held);
  }
}

/** Why our side cannot take part in a check. */
function ours(row: Row, check: CheckName): string | undefined {
  return row.raw ? undefined : NATIVE[check];
}

/** The codes for a check that closes, and how its success is shown. */
function termsOf(
  row: Row,
  check: CheckName,
  { unsendable = [], unreadable = [], noMark }: Abilities,
): { readonly terms: Terms; readonly held: Cell } {
  const lacks: Lack[] = [];
  const notes: string[] = [];
  if (check === "close by us" || check === "close by peer") {
    if (!row.raw) lacks.push(NO_1014);
  }
  if (check === "close by us") {
    lacks.push(...unreadable);
    if (!row.raw && row.role === "server") lacks.push(NATIVE_CODES);
  } else if (check === "close by peer") {
    lacks.push(...unsendable);
  } else if (check === "cut by us" && !row.raw) {
    notes.push(NATIVE_CUT);
  } else if (noMark !== undefined && ECHOES.includes(check)) {
    notes.push(noMark);
  }
  notes.push(...new Set(lacks.map(({ reason }) => reason)));
  return {
    terms: {
      codes: codesOf(check, row)
        .filter((code) => !lacks.some((lack) => lack.codes(code))),
      mark: noMark === undefined,
    },
    held: notes.length === 0 ? { outcome: "yes" } : { outcome: "part", notes },
  };
}

/** Checks that send messages and expect them back. */
const ECHOES: readonly CheckName[] = [
  "messages",
  "fragments to peer",
  "compressed",
  "compressed fragments to peer",
];

const NATIVE_CODES: Lack = {
  codes: (code) => code !== 1000 && code !== 1005 && code < 3000,
  reason: "Deno's own client sends 1000 and 3000 to 4999 only.",
};
