import { LetheError } from "#lib/errors.ts";
import type { Shape } from "#records/plan.ts";
import type { SubjectRow, SubjectStart } from "#export/rows.ts";

/** What the first line says beside the subject's reference and tables. */
export type ExportFacts = {
  readonly version: string;
  readonly store: string;
  /** ISO instant of the batch, in milliseconds. */
  readonly at: string;
};

export type Subject = { readonly start: SubjectStart; readonly rows: number; readonly lines: AsyncGenerator<string> };

/**
 * One subject's export as JSON lines: what it is and how many rows of which table follow, `{"table": …, "row": {…}}` for each, and
 * at last `{"rows": n}`, without which the file is not whole. Takes exactly the subject's rows off `rows`.
 *
 * Throws `INTERNAL` when other rows come than were announced: nothing may be erased then.
 */
export const subjectOf = (
  start: SubjectStart | SubjectRow,
  rows: AsyncIterator<SubjectStart | SubjectRow, unknown>,
  shape: Shape,
  facts: ExportFacts,
): Subject => {
  if (!isStart(start)) throw misordered();
  const counts = JSON.parse(start.counts) as Readonly<Record<string, number>>;
  const tables = Object.fromEntries(shape.scopes.map(({ table }, position) => [table, counts[position] ?? 0]));
  const total = Object.values(tables).reduce((sum, count) => sum + count, 0);
  const { version, store, at } = facts;
  const first = { tool: "lethe", version, request: start.ref, store, at, policy: shape.policy.digest, tables };
  return { start, rows: total, lines: linesOf(start.request, first, total, rows, shape) };
};

async function* linesOf(
  request: number,
  first: object,
  total: number,
  rows: AsyncIterator<SubjectStart | SubjectRow, unknown>,
  shape: Shape,
): AsyncGenerator<string> {
  yield `${JSON.stringify(first)}\n`;
  const names = shape.scopes.map(({ table }) => JSON.stringify(table));
  for (let count = 0; count < total; count += 1) {
    const { done, value } = await rows.next();
    if (done === true || isStart(value) || value.request !== request || value.row === null) throw misordered();
    // A column of type json keeps the line breaks of whoever wrote it; they can only stand between its tokens.
    yield `{"table":${names[value.position] ?? "null"},"row":${value.row.replaceAll(/[\r\n]/g, " ")}}\n`;
  }
  yield `${JSON.stringify({ rows: total })}\n`;
}

const isStart = (row: SubjectStart | SubjectRow): row is SubjectStart => row.position === -1;

const misordered = (): LetheError =>
  new LetheError("INTERNAL", "the rows of an export are not those that were counted", {
    hint: "report this; nothing was erased",
  });
