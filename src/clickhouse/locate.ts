import { claimTables, dropTables } from "#clickhouse/own-tables.ts";
import { readColumnCatalog } from "#clickhouse/read-catalog.ts";
import { unwrapped } from "#clickhouse/column-types.ts";
import { id, list, ownPrefix, tableIn, text } from "#clickhouse/sql.ts";
import type { ColumnStore, Context } from "#context.ts";
import { equalForms } from "#lib/search-forms.ts";
import type { Located, Wanted } from "#scope/locate.ts";
import type { IdentifierKind } from "#records/request.ts";

/**
 * Whom requests mean in a store of ClickHouse: the keys of rows that say what is looked for, one scan of the subject's table for each kind of
 * identifier. Yields chunks ordered by request; a request with two keys yields both. What an event of somebody else says as well names nobody.
 * The key that stands for nobody (0, an empty text, or what the rule leaves) is no one's.
 */
export async function* locateInColumns(
  ctx: Context,
  store: ColumnStore,
  wanted: AsyncIterable<Wanted>,
): AsyncGenerator<readonly Located[]> {
  const own = await claimTables(ctx, store);
  try {
    yield* search(store, own, wanted);
  } finally {
    await dropTables(ctx, store, own);
  }
}

async function* search(
  store: ColumnStore,
  own: string,
  wanted: AsyncIterable<Wanted>,
): AsyncGenerator<readonly Located[]> {
  const { client, policy } = store;
  const { table, key, identifiers } = policy.subject;
  const type = (await readColumnCatalog(store)).columnTables.get(table)?.types.get(key);
  if (type === undefined) throw new TypeError(`${table}.${key} was checked before`);
  const ours = tableIn(client.database, `${ownPrefix(own)}wanted`);
  // In memory, and never on the disk of the server: what names people stands in it.
  await client.run(`create table ${ours} (request Int64, kind String, form String) engine = Memory`);
  const kinds = new Set<Wanted["kind"]>();
  await client.insert(ours, ["request", "kind", "form"], forms(wanted, kinds));
  const { base } = unwrapped(type);
  const root: Root = { store, base, ours, nobody: nobodyOf(store, base) };
  const finders = [...kinds].flatMap((kind) => finder(kind, root));
  if (finders.length === 0) return;
  const named = Object.entries(identifiers);
  const subject = tableIn(client.database, table);
  const values = named.map(
    (
      [, column],
      index,
    ) => `groupUniqArrayIf(assumeNotNull(toString(t.${id(column)})), ifNull(toString(t.${id(column)}), '') <> ''
      and t.${id(column)} not in (select ${id(column)} from ${subject} where ${id(key)} is not null group by ${id(column)} having uniqExact(${id(key)}) > 1)) as lethe_value${index}`,
  );
  const columns = list([...new Set([key, ...named.map(([, column]) => column)])].map(id));
  const found = tableIn(client.database, `${ownPrefix(own)}found`);
  await client.run(`create table ${found} (lethe_request Int64, lethe_found ${base}) engine = Memory`);
  await client.run(
    `insert into ${found} select distinct lethe_request, lethe_found from (${finders.join(" union all ")}) where lethe_found not in (${list(root.nobody)})`,
  );
  const query = `select f.lethe_request as lethe_request, toString(f.lethe_found) as lethe_key ${values.map((value) => `, ${value}`).join("")}
    from ${found} f
    left join (select ${columns} from ${subject} where ${id(key)} in (select lethe_found from ${found})) t on t.${id(key)} = f.lethe_found
    group by lethe_request, lethe_key order by lethe_request, lethe_key`;
  type Found = { readonly lethe_request: number; readonly lethe_key: string } & Readonly<Record<string, unknown>>;
  for await (const rows of client.stream<Found>(query)) {
    yield rows.map((row) => ({
      request: row.lethe_request,
      key: row.lethe_key,
      values: named.flatMap(([kind], index) =>
        (row[`lethe_value${index}`] as readonly string[])
          .filter((value) => value.trim() !== "")
          .map((value) => ({ kind: kind as IdentifierKind, value })),
      ),
    }));
  }
}

type Root = {
  readonly store: ColumnStore;
  /** The key's type, neither nullable nor of low cardinality. */
  readonly base: string;
  readonly ours: string;
  readonly nobody: readonly string[];
};

/** Keys that say that a row is nobody's. */
const nobodyOf = ({ policy }: ColumnStore, base: string): readonly string[] => {
  const { table, key } = policy.subject;
  const rule = policy.tables[table];
  const transform = rule !== undefined && "columns" in rule ? rule.columns[key] : undefined;
  const left = transform?.kind === "constant" ? [`cast(${text(String(transform.value))}, ${text(base)})`] : [];
  return [`defaultValueOfTypeName(${text(base)})`, ...left];
};

const finder = (kind: Wanted["kind"], { store, base, ours }: Root): readonly string[] => {
  const { database } = store.client;
  const { links, subject } = store.policy;
  const { table, key, identifiers } = subject;
  const asked = (form: string): string =>
    `(select request, ${form} as lethe_form from ${ours} where kind = ${text(kind)})`;
  if (kind === "identity" || kind === "key") {
    // Of another type in the other store it is nobody's here; nor is 007 seven.
    const value = `if(toString(accurateCastOrNull(form, ${text(base)})) = form, accurateCastOrNull(form, ${text(base)}), null)`;
    const owning = [
      { table, column: key },
      ...links.filter(({ to }) => to.table === table && to.column === key).map(({ from }) => from),
    ];
    return owning.map(
      ({ table: name, column }) =>
        `select distinct w.request as lethe_request, assumeNotNull(w.lethe_form) as lethe_found from ${asked(value)} w
        where w.lethe_form is not null and w.lethe_form in (select accurateCastOrNull(${id(column)}, ${text(base)}) from ${tableIn(database, name)})`,
    );
  }
  const column = identifiers[kind];
  if (column === undefined) return [];
  const held = comparable(kind, `toString(${id(column)})`);
  return [
    `select distinct w.request as lethe_request, assumeNotNull(t.lethe_found) as lethe_found
    from (select ${id(key)} as lethe_found, ${held} as lethe_form from ${tableIn(database, table)}
      where ${id(key)} is not null and lethe_form in (select form from ${ours} where kind = ${text(kind)})) t
    inner join ${asked("form")} w on t.lethe_form = w.lethe_form`,
  ];
};

async function* forms(wanted: AsyncIterable<Wanted>, kinds: Set<Wanted["kind"]>): AsyncGenerator<readonly unknown[]> {
  for await (const { request, kind, value } of wanted) {
    kinds.add(kind);
    if (kind === "identity" || kind === "key") {
      // Of holds on people who have asked for nothing the number is negative.
      yield [request, kind, value];
      continue;
    }
    for (const form of equalForms(kind, value)) {
      yield [request, kind, form];
      if (form.normalize("NFD") !== form) yield [request, kind, form.normalize("NFD")];
    }
  }
}

/** A column in the form that `equalForms` compares with. */
const comparable = (kind: IdentifierKind, value: string): string =>
  kind === "phone"
    ? `replaceRegexpAll(ifNull(${value}, ''), '[ +()/.\\\\x{a0}-]', '')`
    : `lowerUTF8(ifNull(${value}, ''))`;
