import { copiesOf } from "#anonymity/copies.ts";
import { reasonsOf } from "#anonymity/label.ts";
import { leftIn } from "#anonymity/left-columns.ts";
import { measuredTables } from "#anonymity/measure-rule.ts";
import { recordsBeside, recordsOf } from "#anonymity/records.ts";
import { sensitiveOf } from "#anonymity/sensitive.ts";
import { tookTooLong } from "#clickhouse/failure.ts";
import { measureColumns } from "#clickhouse/measures.ts";
import type { ColumnCatalog } from "#clickhouse/read-catalog.ts";
import { withTables } from "#clickhouse/own-tables.ts";
import { ownPrefix, tableIn, id } from "#clickhouse/sql.ts";
import { everyStore, type ColumnStore, type Context } from "#context.ts";
import { noteBefore } from "#night/measure-before.ts";
import type { Analytics } from "#policy/policy.ts";
import type { Anonymity, Measures } from "#records/anonymity.ts";
import type { Run } from "#records/run.ts";

const measureOf = (
  ctx: Context,
  store: ColumnStore,
  catalog: ColumnCatalog,
  { table, analytics: { quasi, sensitive, k } }: { readonly table: string; readonly analytics: Analytics },
): Promise<Measures> =>
  withTables(ctx, store, (own) => {
    const { database } = store.client;
    const wanted = { quasi, sensitive: sensitiveOf(catalog.tables.get(table), sensitive), least: k };
    return measureColumns(store.client, tableIn(database, `${ownPrefix(own)}cells`), tableIn(database, table), wanted);
  });

/** Measures the tables of a store in which people are to be hidden, once a run and before its first batch. */
export const measureColumnsBefore = (
  ctx: Context,
  run: Run,
  store: ColumnStore,
  catalog: ColumnCatalog,
): Promise<void> =>
  noteBefore(ctx, run, store, { measure: (of) => measureOf(ctx, store, catalog, of), tooLong: tookTooLong });

/** Whole tables as they stand after the change (requirement D3). No attack is tried: the records of people are in other databases. */
export const measureColumnsNow = async (
  ctx: Context,
  store: ColumnStore,
  catalog: ColumnCatalog,
  changed: ReadonlySet<string>,
): Promise<readonly Anonymity[]> => {
  const beside = (table: string): readonly string[] =>
    everyStore(ctx).flatMap(({ name, policy }) =>
      (name === store.name ? recordsBeside(policy, catalog, table) : recordsOf(policy)).map((of) => `${name}: ${of}`),
    );
  const copies = await copiesOf(ctx, store.name);
  const measured: Anonymity[] = [];
  for (const { table, analytics } of measuredTables(store.policy)) {
    if (!changed.has(table)) continue;
    const { quasi, k, l = null, t = null } = analytics;
    const found = {
      ...(await measureOf(ctx, store, catalog, { table, analytics })),
      table,
      quasi,
      threshold: k,
      least: l,
      most: t,
      nameless: null,
      known: await countKnown(store, table),
      attacks: [],
      ...leftIn(store.policy, catalog, table),
      notCompared: beside(table),
    };
    const reasons = reasonsOf({ ...found, copies });
    measured.push({ store: store.name, ...found, reasons, measuredAt: ctx.clock.now().toString() });
  }
  return measured;
};

/** Rows that still say whose they are. */
const countKnown = async ({ client, policy }: ColumnStore, table: string): Promise<number> => {
  const link = policy.links.find(({ from }) => from.table === table);
  const column = table === policy.subject.table ? policy.subject.key : link?.from.column;
  const rule = policy.tables[table];
  if (column === undefined || rule?.treatment !== "anonymise") return 0;
  const transform = rule.columns[column];
  const nobody =
    transform?.kind === "constant" ? `toString(${id(column)}) <> {nobody:String}` : `${id(column)} is not null`;
  const [row] = await client.rows<{ rows: number }>(
    `select count() as rows from ${tableIn(client.database, table)} where ${nobody}`,
    {
      nobody: transform?.kind === "constant" ? String(transform.value) : "",
    },
  );
  return row?.rows ?? 0;
};
