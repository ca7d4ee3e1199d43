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
export type RowNames = readonly string[];

interface Row {
  /** For each column, what shares the row. */
  readonly names: readonly string[][];
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
      names: names.map((name) => [name]),
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
    let rows = [...this.#rows.values()];
    for (;;) {
      const merged = mergeOnce(rows);
      if (merged.length === rows.length) return rows;
      rows = merged;
    }
  }
}

/** Merges neighbours that have the same cells and differ in one name only. */
function mergeOnce(rows: readonly Row[]): Row[] {
  const merged: Row[] = [];
  for (const row of rows) {
    const last = merged.at(-1);
    const union = last === undefined ? undefined : unite(last, row);
    if (union !== undefined) merged.pop();
    merged.push(union ?? row);
  }
  return merged;
}

function unite(a: Row, b: Row): Row | undefined {
  const same = a.names.map((names, i) => names.join() === b.names[i]?.join());
  const different = same.filter((is) => !is).length;
  if (different !== 1 || !sameCells(a.cells, b.cells)) return undefined;
  const names = a.names.map((names, i) =>
    same[i] ? names : [...names, ...b.names[i] ?? []]
  );
  return { names, cells: a.cells };
}

function sameCells(a: Map<string, Cell>, b: Map<string, Cell>): boolean {
  return a.size === b.size &&
    [...a].every(([column, cell]) =>
      JSON.stringify(cell) === JSON.stringify(b.get(column))
    );
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
