import { sql, type Kysely, type RawBuilder } from "kysely";
import type pg from "pg";
import { inChunks } from "#db/chunks.ts";
import { copyInto, type CopyValue } from "#db/copy.ts";
import { equalForms } from "#lib/search-forms.ts";
import type { SubjectRoot } from "#policy/policy.ts";
import type { IdentifierKind } from "#records/request.ts";
import { sameKey } from "#scope/same-key.ts";
import { column, tableName } from "#scope/sql.ts";

/**
 * By what a request's subject is looked up: an identifier, in whatever spelling; or the `identity`, the key of the root row that the request
 * was found to mean, exactly as it was read.
 */
export type Wanted = { readonly request: number; readonly kind: IdentifierKind | "identity"; readonly value: string };

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
  const ways = await load(client, db, root, wanted);
  if (ways.length === 0) return;
  const t = tableName(root.table);
  const finders = ways.map(
    ({ kind, answers }) => sql`select w.request, ${column("t", root.key)} as key from pg_temp.lethe_wanted w
        join ${t} t on ${answers("w")} where w.kind = ${sql.lit(kind)}`,
  );
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

/** An identifier of a request that stands on the root row of somebody else, too or only. */
export type Elsewhere = { readonly request: number; readonly kind: IdentifierKind; readonly value: string };

/**
 * Which identifiers of requests stand on other root rows than the one that the request means: `wanted` has the identity of each as well. Runs
 * in the caller's transaction.
 */
export async function* standingElsewhere(
  client: pg.PoolClient,
  db: Kysely<unknown>,
  root: SubjectRoot,
  wanted: AsyncIterable<Wanted>,
): AsyncGenerator<readonly Elsewhere[]> {
  const ways = await load(client, db, root, wanted);
  const own = ways.find(({ kind }) => kind === "identity");
  const finders = ways.flatMap(({ kind, answers }) =>
    kind === "identity"
      ? []
      : [
          sql`select w.request, w.kind, w.value from pg_temp.lethe_wanted w join ${tableName(root.table)} t on ${answers("w")}
            where w.kind = ${sql.lit(kind)} and not exists (select from pg_temp.lethe_wanted o
              where o.request = w.request and o.kind = 'identity' and ${own?.answers("o") ?? sql`false`})`,
        ],
  );
  if (finders.length > 0) yield* inChunks(client, sql<Elsewhere>`${sql.join(finders, sql` union `)}`.compile(db));
}

/**
 * Which of the values that were read from root rows more than one root row bears, in whatever spelling: a telephone that two people share tells of
 * both. Counted by value, since what stands for "none" may stand on every row. Runs in the caller's transaction.
 */
export async function* borneBySeveral(
  client: pg.PoolClient,
  db: Kysely<unknown>,
  root: SubjectRoot,
  found: AsyncIterable<Wanted>,
): AsyncGenerator<readonly Elsewhere[]> {
  const ways = await load(client, db, root, found);
  const finders = ways.map(({ kind, held }) => {
    const ofKind = sql`from pg_temp.lethe_wanted where kind = ${sql.lit(kind)}`;
    return sql`select w.request, w.kind, w.value from (select distinct request, kind, value, form ${ofKind}) w
      join (select ${held} as form, count(*) as rows from ${tableName(root.table)} t where ${held} in (select form ${ofKind}) group by 1) h
        on h.form = w.form group by 1, 2, 3 having sum(h.rows) > 1`;
  });
  if (finders.length > 0) yield* inChunks(client, sql<Elsewhere>`${sql.join(finders, sql` union all `)}`.compile(db));
}

/**
 * One kind of what is looked for: what the root row `t` holds of it, and whether the row answers to the entry `alias` of `lethe_wanted`.
 */
type Way = {
  readonly kind: Wanted["kind"];
  readonly held: RawBuilder<unknown>;
  readonly answers: (alias: string) => RawBuilder<unknown>;
};

/** Puts what is looked for into a temporary table. The kinds that came up and that the root row has a column for. */
const load = async (
  client: pg.PoolClient,
  db: Kysely<unknown>,
  root: SubjectRoot,
  wanted: AsyncIterable<Wanted>,
): Promise<readonly Way[]> => {
  const kinds = new Set<Wanted["kind"]>();
  // `key` of identities alone: it is cast to the type of the root's key, and other values are none of it.
  await sql`create temporary table lethe_wanted (request bigint, kind text, value text, form text, key text) on commit drop`.execute(
    db,
  );
  await copyInto(client, "pg_temp.lethe_wanted (request, kind, value, form, key)", forms(wanted, kinds));
  const ways: Way[] = [];
  for (const kind of kinds) {
    if (kind === "identity") {
      const same = await sameKey(db, root, sql`select key from pg_temp.lethe_wanted`);
      ways.push({ kind, held: column("t", root.key), answers: (alias) => same(column(alias, "key")) });
      continue;
    }
    const name = kind === "key" ? root.key : root.identifiers[kind];
    if (name === undefined) continue;
    const held = comparable(kind, column("t", name));
    ways.push({ kind, held, answers: (alias) => sql`${held} = ${column(alias, "form")}` });
  }
  return ways;
};

async function* forms(wanted: AsyncIterable<Wanted>, kinds: Set<Wanted["kind"]>): AsyncGenerator<CopyValue[]> {
  for await (const { request, kind, value } of wanted) {
    kinds.add(kind);
    if (kind === "identity") {
      yield [request, kind, null, null, value];
      continue;
    }
    for (const form of equalForms(kind, value)) {
      yield [request, kind, value, form, null];
      // A column may hold the decomposed form of an accented letter.
      if (form.normalize("NFD") !== form) yield [request, kind, value, form.normalize("NFD"), null];
    }
  }
}

/** A column in the form that `equalForms` compares with. */
const comparable = (kind: IdentifierKind, value: RawBuilder<unknown>): RawBuilder<unknown> =>
  kind === "phone" ? sql`translate(${value}::text, ${sql.lit(" +-()/.\u00a0")}, '')` : sql`lower(${value}::text)`;
