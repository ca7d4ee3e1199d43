/** What came of one check. */
export type Outcome =
  /** All of it holds. */
  | "yes"
  /** What the two can do of it holds; the note says what is left out. */
  | "part"
  /** One of the two cannot do it; the note says why. */
  | "cannot"
  /** The check failed. */
  | "no";

/** One cell of a matrix. */
export interface Cell {
  readonly outcome: Outcome;
  /** For `part` and `cannot`: what is left out and why. */
  readonly notes?: readonly string[] | undefined;
}

/** What a row is about: each name is a cell in the table. */
export type RowNames = readonly [string, string];

interface Row {
  readonly names: [string[], string[]];
  readonly cells: Map<string, Cell>;
}

/** One table: what was tried with whom, and what came of it. */
export class Matrix {
  readonly #rows = new Map<string, Row>();

  constructor(
    readonly title: string,
    /** What the names of a row are. */
    readonly head: RowNames,
    readonly columns: readonly string[],
  ) {}

  /** Enters the outcome of a check. */
  set(names: RowNames, column: string, cell: Cell): void {
    const key = names.join("\n");
    const row = this.#rows.get(key) ?? {
      names: [[names[0]], [names[1]]],
      cells: new Map(),
    };
    row.cells.set(column, cell);
    this.#rows.set(key, row);
  }

  /** Whether anything was entered. */
  get empty(): boolean {
    return this.#rows.size === 0;
  }

  /** The table and its notes as Markdown. Neighbours with the same outcomes share a row. */
  toMarkdown(): string {
    const notes: string[] = [];
    const rows = this.#merged().map(({ names, cells }) => [
      ...names.map((joined) => joined.join(", ")),
      ...this.columns.map((column) => show(cells.get(column), notes)),
    ]);
    const head = [...this.head, ...this.columns];
    const lines = [head, head.map(() => "---"), ...rows]
      .map((cells) => `| ${cells.join(" | ")} |`);
    const numbered = notes.map((note, i) => `${i + 1}. ${note}`);
    return [`### ${this.title}`, lines.join("\n"), numbered.join("\n")]
      .filter((text) => text !== "").join("\n\n");
  }

  #merged(): Row[] {
    const merged: Row[] = [];
    for (const { names: [first, second], cells } of this.#rows.values()) {
      const last = merged.at(-1);
      if (last !== undefined && sameCells(last.cells, cells)) {
        if (last.names[0].join() === first.join()) {
          last.names[1].push(...second);
          continue;
        }
        if (last.names[1].join() === second.join()) {
          last.names[0].push(...first);
          continue;
        }
      }
      merged.push({ names: [[...first], [...second]], cells });
    }
    return merged;
  }
}

function sameCells(a: Map<string, Cell>, b: Map<string, Cell>): boolean {
  return JSON.stringify([...a]) === JSON.stringify([...b]);
}

/** A cell as text. A note that is new gets the next number. */
function show(cell: Cell | undefined, all: string[]): string {
  if (cell === undefined) return "";
  const { outcome, notes = [] } = cell;
  for (const note of notes) if (!all.includes(note)) all.push(note);
  const numbers = notes.map((note) => all.indexOf(note) + 1).join(", ");
  switch (outcome) {
    case "yes":
      return "yes";
    case "part":
      return `part (${numbers})`;
    case "cannot":
      return `– (${numbers})`;
    case "no":
      return "**no**";
  }
}
