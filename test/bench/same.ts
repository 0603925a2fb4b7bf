import type pg from "pg";

/** Tables that are left out, and what of a row is compared where not all of it is anybody's doing. */
export type Comparison = { readonly apart: readonly string[]; readonly parts: Readonly<Record<string, string>> };

/** Rows and an order-independent fingerprint of every table of the schema public. */
export const fingerprints = async (
  client: pg.Client,
  { apart, parts }: Comparison = { apart: [], parts: {} },
): Promise<Readonly<Record<string, string>>> => {
  const { rows } = await client.query<{ name: string }>(
    "select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'm') and not relispartition order by 1",
  );
  const prints: Record<string, string> = {};
  for (const { name } of rows) {
    if (apart.includes(name)) continue;
    const row = parts[name] ?? "t::text";
    const found = await client.query<{ print: string }>(
      `select count(*) || ' ' || coalesce(sum(hashtextextended(line, 0)::numeric), 0) as print
       from (select ${name in parts ? "distinct" : ""} ${row} as line from ${name} t) l`,
    );
    prints[name] = found.rows[0]?.print ?? "";
  }
  return prints;
};

/** Tables that differ; empty when both sides did the same. */
export const differences = (
  one: Readonly<Record<string, string>>,
  other: Readonly<Record<string, string>>,
): readonly string[] => Object.keys({ ...one, ...other }).filter((name) => one[name] !== other[name]);
