import { readColumnCatalog } from "#clickhouse/read-catalog.ts";
import { unwrapped } from "#clickhouse/column-types.ts";
import { id, list, ownPrefix, tableIn, text } from "#clickhouse/sql.ts";
import type { ColumnStore } from "#context.ts";
import { equalForms } from "#lib/search-forms.ts";
import type { Located, Wanted } from "#scope/locate.ts";
import type { IdentifierKind } from "#records/request.ts";

/** In memory, and never on the disk of the server: what names people stands in it. */
const wantedName = `${ownPrefix}wanted`;

/** More of them in the rows of one person are not read: each is searched for, once the rows are gone. */
const mostValues = 100;

/**
 * Whom requests mean in a store of ClickHouse: the keys of rows that say what is looked for, one scan of the subject's table for each kind of
 * identifier. Yields chunks ordered by request; a request with two keys yields both.
 */
export async function* locateInColumns(
  store: ColumnStore,
  wanted: AsyncIterable<Wanted>,
): AsyncGenerator<readonly Located[]> {
  const { client, policy } = store;
  const { table, key, identifiers } = policy.subject;
  const type = (await readColumnCatalog(store)).columnTables.get(table)?.types.get(key);
  if (type === undefined) throw new TypeError(`${table}.${key} was checked before`);
  const ours = tableIn(client.database, wantedName);
  await client.run(`drop table if exists ${ours} sync`);
  await client.run(`create table ${ours} (request UInt64, kind String, form String) engine = Memory`);
  try {
    const kinds = new Set<Wanted["kind"]>();
    await client.insert(ours, ["request", "kind", "form"], forms(wanted, kinds));
    const finders = [...kinds].flatMap((kind) =>
      finder(kind, { table: tableIn(client.database, table), key, type, identifiers, ours }),
    );
    if (finders.length === 0) return;
    const named = Object.entries(identifiers);
    const values = named.map(
      ([, column], index) => `groupUniqArray(${mostValues})(ifNull(toString(t.${id(column)}), '')) as value${index}`,
    );
    const query = `select f.request as request, toString(f.found) as key ${values.map((value) => `, ${value}`).join("")}
      from (select distinct request, found from (${finders.join(" union all ")})) f
      inner join (select ${list([...new Set([key, ...named.map(([, column]) => column)])].map(id))} from ${tableIn(client.database, table)}) t on t.${id(key)} = f.found
      group by request, key order by request, key`;
    for await (const rows of client.stream<{ request: number; key: string } & Readonly<Record<string, unknown>>>(
      query,
    )) {
      yield rows.map((row) => ({
        request: row.request,
        key: row.key,
        values: named.flatMap(([kind], index) =>
          (row[`value${index}`] as readonly string[])
            .filter((value) => value.trim() !== "")
            .map((value) => ({ kind: kind as IdentifierKind, value })),
        ),
      }));
    }
  } finally {
    await client.run(`drop table if exists ${ours} sync`);
  }
}

type Root = {
  readonly table: string;
  readonly key: string;
  readonly type: string;
  readonly identifiers: ColumnStore["policy"]["subject"]["identifiers"];
  readonly ours: string;
};

const finder = (kind: Wanted["kind"], { table, key, type, identifiers, ours }: Root): readonly string[] => {
  const asked = (form: string): string => `(select request, ${form} as form from ${ours} where kind = ${text(kind)})`;
  if (kind === "identity" || kind === "key") {
    const { base } = unwrapped(type);
    // Of another type in the other store it is nobody's here.
    const value = `accurateCastOrNull(form, ${text(base)})`;
    return [
      `select distinct w.request as request, assumeNotNull(w.form) as found from ${asked(value)} w where w.form in (select ${id(key)} from ${table})`,
    ];
  }
  const column = identifiers[kind];
  if (column === undefined) return [];
  const held = comparable(kind, `toString(${id(column)})`);
  return [
    `select distinct w.request as request, assumeNotNull(t.found) as found
    from (select ${id(key)} as found, ${held} as form from ${table} where ${id(key)} is not null and form in (select form from ${ours} where kind = ${text(kind)})) t
    inner join ${asked("form")} w on t.form = w.form`,
  ];
};

async function* forms(wanted: AsyncIterable<Wanted>, kinds: Set<Wanted["kind"]>): AsyncGenerator<readonly unknown[]> {
  for await (const { request, kind, value } of wanted) {
    kinds.add(kind);
    if (kind === "identity" || kind === "key") {
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
