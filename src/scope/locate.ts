import { sql, type Kysely, type RawBuilder } from "kysely";
import type pg from "pg";
import { inChunks } from "#db/chunks.ts";
import { copyInto, type CopyValue } from "#db/copy.ts";
import { equalForms } from "#lib/search-forms.ts";
import type { SubjectRoot } from "#policy/policy.ts";
import type { IdentifierKind } from "#records/request.ts";
import { column, tableName } from "#scope/sql.ts";

/** An identifier to look a request's subject up by. */
export type Wanted = { readonly request: number; readonly kind: IdentifierKind; readonly value: string };

/** A root row that answers to some identifier of a request, with the values that name the person. */
export type Located = {
  readonly request: number;
  readonly key: string;
  readonly values: readonly { readonly kind: IdentifierKind | "name"; readonly value: string }[];
};

/**
 * Finds the root rows of all requests in one statement a kind of identifier: the requests' identifiers go into a temporary table
 * and are joined to the root table once. Yields chunks ordered by request; a request with two root rows yields both. Runs in the
 * caller's transaction.
 */
export async function* locate(
  client: pg.PoolClient,
  db: Kysely<unknown>,
  root: SubjectRoot,
  wanted: AsyncIterable<Wanted>,
): AsyncGenerator<readonly Located[]> {
  const kinds = new Set<IdentifierKind>();
  await sql`create temporary table lethe_wanted (request bigint, kind text, form text) on commit drop`.execute(db);
  await copyInto(client, "pg_temp.lethe_wanted (request, kind, form)", forms(wanted, kinds));

  const t = tableName(root.table);
  const finders = [...kinds].flatMap((kind) => {
    const name = kind === "key" ? root.key : root.identifiers[kind];
    if (name === undefined) return [];
    return [
      sql`select w.request, ${column("t", root.key)} as key from pg_temp.lethe_wanted w
        join ${t} t on ${comparable(kind, column("t", name))} = w.form where w.kind = ${sql.lit(kind)}`,
    ];
  });
  if (finders.length === 0) return;
  const named = [...Object.entries(root.identifiers), ...root.names.map((name) => ["name", name] as const)];
  const values = named.map(
    ([kind, name]) => sql`json_build_object('kind', ${sql.lit(kind)}::text, 'value', ${column("t", name)}::text)`,
  );
  const query = sql<Located>`select f.request, f.key::text as key, json_build_array(${sql.join(values)}) as values
    from (${sql.join(finders, sql` union `)}) f join ${t} t on ${column("t", root.key)} = f.key order by f.request, key`;
  for await (const rows of inChunks(client, query.compile(db))) {
    yield rows.map((row) => ({
      ...row,
      values: row.values.filter(({ value }) => value !== null && value.trim() !== ""),
    }));
  }
}

async function* forms(wanted: AsyncIterable<Wanted>, kinds: Set<IdentifierKind>): AsyncGenerator<CopyValue[]> {
  for await (const { request, kind, value } of wanted) {
    kinds.add(kind);
    for (const form of equalForms(kind, value)) {
      yield [request, kind, form];
      // A column may hold the decomposed form of an accented letter.
      if (form.normalize("NFD") !== form) yield [request, kind, form.normalize("NFD")];
    }
  }
}

/** A column in the form that `equalForms` compares with. */
const comparable = (kind: IdentifierKind, value: RawBuilder<unknown>): RawBuilder<unknown> =>
  kind === "phone" ? sql`translate(${value}::text, ${sql.lit(" +-()/.\u00a0")}, '')` : sql`lower(${value}::text)`;
