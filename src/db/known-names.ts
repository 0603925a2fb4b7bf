import pg from "pg";

const query = `select
  exists (select from pg_class where relname = $1) as "table",
  exists (select from pg_attribute a join pg_class c on c.oid = a.attrelid where c.relname = $1 and a.attname = $2) as "column",
  exists (select from pg_constraint where conname = $3)
    or exists (select from pg_class where relname = $3 and relkind in ('i', 'I')) as "constraint"`;

const fields = ["table", "column", "constraint"] as const;

/**
 * A function of the application may say anything where an error names things (`RAISE … USING constraint = email`): what is no name of
 * this database is taken out of the error, and all of it where nobody can be asked.
 */
export const keepKnownNames = async (client: pg.PoolClient, error: unknown): Promise<void> => {
  if (!(error instanceof pg.DatabaseError) || fields.every((field) => error[field] === undefined)) return;
  const names = fields.map((field) => error[field] ?? null);
  const known = await client.query<Record<(typeof fields)[number], boolean>>(query, names).catch(() => undefined);
  for (const field of fields) if (known?.rows[0]?.[field] !== true) error[field] = undefined;
};
