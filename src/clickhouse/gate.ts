import { createCells, keysOf, type Cells } from "#clickhouse/cells.ts";
import { countValues, distances } from "#clickhouse/measures.ts";
import { ofBatch, own, whoseIn, type ColumnBatch } from "#clickhouse/scope.ts";
import { madeOf, type Anonymise, type When } from "#clickhouse/steps.ts";
import { id, list, tableIn, text } from "#clickhouse/sql.ts";
import { takenRequest } from "#clickhouse/taken.ts";
import { rounded, waits, type TooFew } from "#execute/too-few.ts";
import type { Gate } from "#records/anonymity.ts";

type Below = {
  readonly request: number;
  readonly rows: number;
  readonly k: number;
  readonly l?: number;
  readonly t?: number;
};

/**
 * The requests whose rows would be in classes that are too small or too much alike, of the whole table as it would be (requirement D3); `k` is of rows and
 * people as in PostgreSQL. Asked before anything changes, so that there is nothing to undo.
 */
export const belowGate = async (
  batch: ColumnBatch,
  step: Anonymise,
  place: number,
  when: When,
): Promise<readonly TooFew[]> => {
  const gate = step.analysis?.gate;
  if (gate === undefined) return [];
  const { client } = batch.store;
  const { quasi, k, sensitive, l, t } = gate;
  const cells: Cells = { table: own(batch, "cells", place), quasi: quasi.length, sensitive };
  await createCells(client, cells, cellsOf(batch, step, place, { gate, when }), ["request", "person"]);
  const { table } = cells;
  const by = keysOf(cells);
  const same = (alias: string): string => quasi.map((_, index) => `m.q${index} <=> ${alias}.q${index}`).join(" and ");
  const joined: string[] = [];
  for (const index of sensitive.keys()) {
    const values = await countValues(client, cells, index);
    joined.push(`inner join (${distances(cells, index, values)}) d${index} on ${same(`d${index}`)}`);
  }
  const least = `least(${list([...sensitive.map((_, index) => `d${index}.l`), "toUInt64(1000000000)"])})`;
  const most = `greatest(${list([...sensitive.map((_, index) => `d${index}.distance`), "toFloat64(0)"])})`;
  const company = "least(c.size - m.mine + 1, c.people)";
  const failing = [
    `${company} < ${k}`,
    ...(l === undefined ? [] : [`${least} < ${l}`]),
    // Sums of fractions: what is equal on paper may differ in the last digits.
    ...(t === undefined ? [] : [`${most} > ${t} + 1e-9`]),
  ];
  const measured = sensitive.length === 0 ? "" : `, min(${least}) as l, max(${most}) as t`;
  const found = await client.rows<Below>(
    `select m.request as request, sum(m.mine) as rows, min(${company}) as k ${measured}
    from (select ${by}, request, sum(w) as mine from ${table} where request > 0 group by ${by}, request) m
    inner join (select ${by}, sum(w) as size, uniqExactIf(person, person <> '') + sumIf(w, person = '') as people from ${table} group by ${by}) c on ${same("c")} ${joined.join(" ")}
    where ${failing.join(" or ")} group by request order by request`,
  );
  return found.map((row) => ({
    request: row.request,
    code: "ANONYMITY_BELOW",
    table: step.table,
    // All who are due are asked in one batch, or few: nobody is put beside anybody later.
    class: 0,
    detail: {
      table: step.table,
      rows: row.rows,
      measured: {
        k: row.k,
        ...(l !== undefined && row.l !== undefined && { l: row.l }),
        ...(t !== undefined && row.t !== undefined && { t: rounded(row.t) }),
      },
      wait: { ...(row.k < k && { missing: k - row.k }), then: "wait" },
      hint: waits,
    },
  }));
};

/** `request` is 0 in rows that are nobody's of the batch, and `person` empty where nobody can tell whose a row is. */
const cellsOf = (
  batch: ColumnBatch,
  step: Anonymise,
  place: number,
  { gate: { quasi, sensitive }, when }: { readonly gate: Gate; readonly when: When },
): string => {
  const table = tableIn(batch.store.client.database, step.table);
  const names = [
    ...quasi.map((name, index) => [name, `q${index}`] as const),
    ...sensitive.map(({ column }, index) => [column, `v${index}`] as const),
  ];
  const are = list(names.map(([name, alias]) => `t.${id(name)} as ${alias}`));
  const will = list(names.map(([name, alias]) => `${madeOf(batch, step, when, name)} as ${alias}`));
  const whose = `t.${id(whoseIn(batch, step.table))}`;
  const made = step.changes.find(({ name }) => name === whoseIn(batch, step.table))?.transform;
  const nobodys = made?.kind === "constant" ? `toString(${whose}) = ${text(String(made.value))}` : `${whose} is null`;
  return `select ${are}, toUInt64(0) as request, if(${nobodys}, '', concat('row ', toString(assumeNotNull(${whose})))) as person from (select * from ${table} where not ifNull(${ofBatch(batch, step.table)}, 0)) t
    union all select ${will}, t.${takenRequest} as request, concat('batch ', toString(t.${takenRequest})) as person from ${own(batch, "taken", place)} t`;
};
