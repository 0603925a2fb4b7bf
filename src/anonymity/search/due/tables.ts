import { sql, type Kysely, type RawBuilder } from "kysely";
import type { Choice, Told } from "#anonymity/search/due/becomes.ts";
import type { Hierarchy } from "#anonymity/search/hierarchy.ts";
import { sensitiveOf, temporary } from "#anonymity/search/tables.ts";
import type { Sensitive, Treated } from "#records/anonymity.ts";
import { column, tableName } from "#scope/sql.ts";

/** A quasi-identifier of rows that are due: what they may become, and what the policy makes of it now. */
export type DueColumn = {
  readonly hierarchy: Hierarchy;
  readonly type: string;
  readonly choices: readonly Choice[];
  /** Undefined: it cannot be told before the night. */
  readonly now: Told | undefined;
};

/** A sensitive column, and what the policy makes of it. */
export type DueSensitive = Sensitive & { readonly type: string; readonly after: Told };

export type DueQuestion = {
  readonly table: string;
  readonly columns: readonly DueColumn[];
  readonly sensitive: readonly DueSensitive[];
  /** By what rows that were published can be told, see `signsOf`. */
  readonly treated: readonly Treated[];
  /** By what the night tells nameless rows: of those each is taken for somebody else's. */
  readonly signs: readonly Treated[];
  /** The columns that say whose a row is; none: each is somebody else's. */
  readonly whose: readonly string[];
  /** Only rows that can be told by that hide anybody, as the policy says (`anonymity_set: nameless`): neither the living nor who waits. */
  readonly nameless: boolean;
};

/**
 * `p, f, q0, …, v0, …, b0, …, w, counts, n, own`: the distinct rows of each person `p`, sensitive values after the night and before it; how many, and of how
 * many `p` is the first owner `f`. Of whoever waits `w` is a hash of whose the row says that it is (null: nobody's), and `counts` whether it hides anybody.
 */
export const due = temporary("due");
/** `q0, …, v0, …, published, counts, n`: the distinct rows that stay as they are. */
export const stay = temporary("stay");
/** `v, n, missed, x0, …, w0, …, now`: each value of a quasi-identifier, what becomes of it by each choice and what it loses, and by the policy. */
export const choicesTable = (index: number): RawBuilder<unknown> => temporary(`choices_${index}`);
/** `v, code`: what rows that are due may say in the column: no other row can be equal to them. */
export const knownTable = (index: number): RawBuilder<unknown> => temporary(`known_${index}`);
/** `v, c0, …, now`: of each value of rows that are due, the code of what it becomes. */
export const codesTable = (index: number): RawBuilder<unknown> => temporary(`codes_${index}`);
/** `due` with codes in the place of values: `p, f, q0_0, q0_1, …, q0_now, …, v0, …, b0, …, w, counts, n, own`. */
export const owns = temporary("owns");
/** `stay` likewise, as far as it counts: `q0, …, v0, …, published, n`. What nobody who is due can be equal to has -1 in every column. */
export const stays = temporary("stays");
/**
 * `q0, …, w, n`: how many people the rows that stay and count are of, in each class to which somebody who is due can come; who owns rows that are due as well
 * apart, with `w`.
 */
export const crowds = temporary("crowds");
/** `q0, …, size, l0, …, t0, …`: the classes that hold published rows, as they are. */
export const before = temporary("before");
/** `p`: who waits. */
export const waiting = temporary("waiting");

/** By choices of a column, or `now` by the policy. */
export type Place = number | "now";

/** The column of `owns` that holds a quasi-identifier by a choice. */
export const codeName = (index: number, place: Place): string => `q${index}_${place}`;

export const placesOf = ({ choices, now }: DueColumn): readonly Place[] => [
  ...choices.keys(),
  ...(now === undefined ? [] : ["now" as const]),
];

/**
 * Makes the session's temporary tables, outside of the transaction that may only read; they empty themselves when it ends, and are never analysed: statistics would
 * carry values into `pg_statistic`.
 */
export const createDueTables = async (
  db: Kysely<unknown>,
  { table, columns, sensitive }: DueQuestion,
): Promise<void> => {
  const make = (name: RawBuilder<unknown>, parts: readonly RawBuilder<unknown>[]) =>
    sql`create temporary table ${name} on commit delete rows as
      select ${sql.join([...parts])} from ${tableName(table)} t where false`.execute(db);
  const int = (name: string): RawBuilder<unknown> => sql`0 as ${sql.id(name)}`;
  const many = (name: string): RawBuilder<unknown> => sql`0::int8 as ${sql.id(name)}`;
  const bool = (name: string): RawBuilder<unknown> => sql`false as ${sql.id(name)}`;
  const as = (from: string, name: string): RawBuilder<unknown> => sql`${column("t", from)} as ${sql.id(name)}`;
  const quasi = columns.map(({ hierarchy }, index) => as(hierarchy.column, `q${index}`));
  const [after, earlier] = ["v", "b"].map((name) => sensitive.map((each, index) => as(each.column, `${name}${index}`)));
  const persons = [many("p"), many("f")];
  const rest = [many("w"), bool("counts"), many("n"), many("own")];
  await make(due, [...persons, ...quasi, ...(after ?? []), ...(earlier ?? []), ...rest]);
  await make(stay, [...quasi, ...(after ?? []), bool("published"), bool("counts"), many("n")]);
  for (const [index, each] of columns.entries()) {
    const { column: name } = each.hierarchy;
    const places = placesOf(each);
    const become = places.map((place) => as(name, place === "now" ? "now" : `x${place}`));
    const losses = [...each.choices.keys()].map((place) => int(`w${place}`));
    await make(choicesTable(index), [as(name, "v"), many("n"), bool("missed"), ...become, ...losses]);
    await make(knownTable(index), [as(name, "v"), int("code")]);
    await make(codesTable(index), [
      as(name, "v"),
      ...places.map((place) => int(place === "now" ? "now" : `c${place}`)),
    ]);
  }
  for (const [index, each] of sensitive.entries()) await make(sensitiveOf(index), [as(each.column, "v"), int("code")]);
  const codes = columns.flatMap((each, index) => placesOf(each).map((place) => int(codeName(index, place))));
  const numbers = (name: string, of: readonly unknown[]) => of.map((_, index) => int(`${name}${index}`));
  const values = numbers("v", sensitive);
  await make(owns, [...persons, ...codes, ...values, ...numbers("b", sensitive), ...rest]);
  await make(stays, [...numbers("q", columns), ...values, bool("published"), many("n")]);
  await make(crowds, [...numbers("q", columns), many("w"), many("n")]);
  const distances = sensitive.map((_, index) => sql`0::float8 as ${sql.id(`t${index}`)}`);
  const distinct = sensitive.map((_, index) => many(`l${index}`));
  await make(before, [...numbers("q", columns), many("size"), ...distinct, ...distances]);
  await make(waiting, [many("p")]);
};
