import { sql, type Kysely, type RawBuilder } from "kysely";
import { becameOf } from "#execute/means.ts";
import { scopeFor } from "#execute/entries.ts";
import type { Moment } from "#execute/transforms.ts";
import type { ColumnChange, Shape, Step } from "#records/plan.ts";
import { classOfGroup, drawnIn, drawnName, groupName } from "#scope/drawn.ts";
import { and, column, keyNames, periodOf, sameRow, scopeTable, tableName } from "#scope/sql.ts";

type Anonymise = Extract<Step, { kind: "anonymise" }>;
type Drawing = ColumnChange & { readonly index: number };

/** PostgreSQL's strong randomness (`pg_strong_random`), where `random()` could be computed on from what it has shown. */
const chance = sql`gen_random_uuid()`;

/**
 * Draws the random keys and the exchanges of a step for each of the batch's rows, into the scope table: before the statement that sets them, so
 * that it can be read back what became of them. Nothing of it depends on our keys or the plan, and a batch that is tried again draws anew.
 * The scope table is a temporary one that is empty at the commit, and of temporary tables PostgreSQL writes no log: afterwards nobody can
 * say which row had which key, nor can we.
 */
export const draw = async (db: Kysely<unknown>, shape: Shape, step: Anonymise, now: Moment): Promise<void> => {
  const drawn = drawnIn(step);
  if (drawn.length === 0) return;
  const { table } = step;
  const keys = keyNames(scopeFor(shape, table));
  const same = and(keys.map((name) => sql`${column("z", name)} = ${column("r", name)}`));
  const names = drawn.flatMap((each) =>
    isPlaced(each) ? [drawnName(each.name), groupName(each.name), classOfGroup(each.name)] : [drawnName(each.name)],
  );
  const set = names.map((name) => sql`${sql.id(name)} = ${column("r", name)}`);
  await sql`update ${scopeTable(shape, table)} z set ${sql.join(set)}
    from (${drawnRows(shape, step, drawn, now)}) r where ${same} and not z.spared`.execute(db);
};

/** `k1…, d0, g0, c0, …` of each row once, though two subjects may have it. */
const drawnRows = (shape: Shape, step: Anonymise, drawn: readonly Drawing[], now: Moment): RawBuilder<unknown> => {
  const { table } = step;
  const scope = scopeFor(shape, table);
  const keys = keyNames(scope);
  const values = drawn.filter(isPlaced).flatMap((each) => {
    const alike = sql`row(${sql.join(alikeIn(step, each, now))})`;
    return [
      sql`${column("t", each.name)} as ${numbered("v", each)}`,
      sql`dense_rank() over (order by ${alike})::int as ${sql.id(groupName(each.name))}`,
      sql`hashtext(${alike}::text) as ${sql.id(classOfGroup(each.name))}`,
      sql`${chance} as ${numbered("chance", each)}`,
    ];
  });
  const rows = sql`select distinct on (${sql.join(keys.map((name) => column("z", name)))})
      ${sql.join([...keys.map((name) => column("z", name)), ...values])}
    from ${scopeTable(shape, table)} z join ${tableName(table)} t on ${sameRow(scope, "t", "z")} where not z.spared`;
  const places = drawn.filter(isPlaced).flatMap((each) => {
    const group = sql.id(groupName(each.name));
    return [
      // Groups are as large in the one order as in the other, so that the places of a group are the same in both: one number joins them, where
      // PostgreSQL may join by the group alone, every row with every other.
      sql`row_number() over (order by ${group}, ${sql.join(keys.map((name) => sql.id(name)))}) as ${numbered("from", each)}`,
      sql`row_number() over (order by ${group}, ${numbered("chance", each)}) as ${numbered("to", each)}`,
    ];
  });
  const taken = drawn.filter(isPlaced).map((each) => {
    const [from, to] = [sql.id(`x${each.index}`, `from${each.index}`), sql.id("p", `to${each.index}`)];
    return each.transform.kind === "shuffle"
      ? sql`join placed ${sql.id(`x${each.index}`)} on ${from} = ${to}`
      : sql`left join (${freeIntegers(table, each)}) ${sql.id(`x${each.index}`)} on ${sql.id(`x${each.index}`, "place")} = ${to}`;
  });
  const become = drawn.map((each) => sql`${valueOf(each)} as ${sql.id(drawnName(each.name))}`);
  const groups = drawn
    .filter(isPlaced)
    .flatMap(({ name }) => [sql.id("p", groupName(name)), sql.id("p", classOfGroup(name))]);
  return sql`with owned as materialized (${rows}),
      placed as materialized (select ${sql.join([sql`*`, ...places])} from owned)
    select ${sql.join([...keys.map((name) => column("p", name)), ...become, ...groups])} from placed p ${sql.join(taken, sql` `)}`;
};

/** Gets a value out of a store of values: those of the other rows, or keys that nobody has. */
const isPlaced = (change: Drawing): boolean =>
  change.transform.kind === "shuffle" || (change.alone === true && change.type === "integer");

const numbered = (name: string, { index }: Drawing): RawBuilder<unknown> => sql.id(`${name}${index}`);

/** What the rows have in common that exchange their values: nothing where all do, or where each gets a value of its own. */
const alikeIn = (
  { table, changes, analysis }: Anonymise,
  { transform }: Drawing,
  now: Moment,
): readonly RawBuilder<unknown>[] => {
  if (transform.kind !== "shuffle") return [sql`true`];
  const period = transform.per === undefined || analysis === undefined ? [] : [periodOf(analysis, "t")];
  return [sql`true`, ...period, ...transform.within.map((name) => becameOf(table, changes, now, name))];
};

const valueOf = (change: Drawing): RawBuilder<unknown> => {
  const { transform, type, alone } = change;
  if (transform.kind === "shuffle") return sql.id(`x${change.index}`, `v${change.index}`);
  switch (type) {
    case "uuid":
      return chance;
    case "bigint":
      return negative(64);
    case "integer":
      // Out of the type's range where there is no free key left: better no batch than two rows with the same.
      return alone === true
        ? sql`coalesce(${sql.id(`x${change.index}`, "value")}, -2147483649)::integer`
        : sql`${negative(32)}::integer`;
    default:
      return sql`cast(left(${hex}, ${sql.lit(longestKey)}) as ${sql.raw(type)})`;
  }
};

/** 122 random bits, without the marks that a UUID has in two places. */
const hex = sql`encode(sha256(uuid_send(gen_random_uuid())), 'hex')`;
const longestKey = 32;

/** Below zero: what counts up, as sequences do, never comes to it. */
const negative = (bits: 32 | 64): RawBuilder<unknown> => {
  const digits = sql.lit(bits / 4);
  const largest = sql.lit(bits === 32 ? "2147483647" : "9223372036854775807");
  return sql`(-1 - (('x' || left(${hex}, ${digits}))::bit(${sql.lit(bits)})::int8 & ${largest}::int8))`;
};

/**
 * At least as many random keys that no row has as the batch has rows, numbered. There are so few integers that of ten thousand drawn at random two are often
 * the same, or some row's already; of longer keys they are not, in the life of a table.
 */
const freeIntegers = (table: string, { name }: Drawing): RawBuilder<unknown> =>
  sql`select value, row_number() over () as place from (
      select distinct ${negative(32)} as value from generate_series(1, (select 2 * count(*) + 64 from owned))) drawn
    where not exists (select from ${tableName(table)} t where ${column("t", name)} = value)`;

/** A row whose key was drawn is found by the new one from here on. */
export const followDrawn = async (db: Kysely<unknown>, shape: Shape, step: Anonymise): Promise<void> => {
  const { key } = scopeFor(shape, step.table);
  const moved = drawnIn(step).flatMap(({ name }) => {
    const position = key.indexOf(name);
    return position < 0 ? [] : [{ key: `k${position + 1}`, drawn: drawnName(name) }];
  });
  if (moved.length === 0) return;
  const set = moved.map((each) => sql`${sql.id(each.key)} = ${sql.id(each.drawn)}`);
  const isDrawn = moved.map((each) => sql`${sql.id(each.drawn)} is not null`);
  await sql`update ${scopeTable(shape, step.table)} set ${sql.join(set)} where not spared and ${and(isDrawn)}`.execute(
    db,
  );
};
