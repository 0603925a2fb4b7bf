import { sql, type Kysely } from "kysely";
import { comparisonsOf, fitting } from "#anonymity/attack.ts";
import type { Attack, AttackResult, Treated } from "#records/anonymity.ts";
import { and, tableName } from "#scope/sql.ts";
import { signsOf } from "#scope/treated.ts";

type Row = Omit<AttackResult, "knows" | "precision">;

/**
 * Joins every row of the table that looks as its rule leaves it (`treated`) to records of people, as the caller's transaction sees them, and counts
 * by how many people fit: fewer than `least` are few.
 */
export const attackTable = async (
  db: Kysely<unknown>,
  table: string,
  attack: Attack,
  {
    treated,
    least,
    timeZone,
  }: { readonly treated: readonly Treated[]; readonly least: number; readonly timeZone: string },
): Promise<readonly AttackResult[]> => {
  const results: AttackResult[] = [];
  for (const comparison of comparisonsOf(table, attack, timeZone)) {
    const { precision, ofRow } = comparison;
    const own = sql`select ${ofRow} from ${tableName(table)} t where ${and(signsOf(treated, "t"))}`;
    const { rows } = await sql<Row>`select count(*) as rows, count(*) filter (where persons is null) as nobody,
        count(*) filter (where persons = 1) as one, count(*) filter (where persons between 2 and ${least - 1}) as few,
        count(*) filter (where persons >= ${least}) as many
      from ${await fitting(db, own, comparison)} fitting`.execute(db);
    results.push(...rows.map((row) => ({ knows: attack.knows, precision, ...row })));
  }
  return results;
};

/** Rows that are not as the rule leaves rows: of people who are known. Where nothing of the rule comes out the same, all may be. */
export const countKnown = async (db: Kysely<unknown>, table: string, treated: readonly Treated[]): Promise<number> => {
  const signs = signsOf(treated, "t");
  const of = signs.length === 0 ? sql`true` : sql`not (${and(signs)})`;
  const { rows } = await sql<{ rows: number }>`select count(*) as rows from ${tableName(table)} t where ${of}`.execute(
    db,
  );
  return rows[0]?.rows ?? 0;
};
