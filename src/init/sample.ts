import pg from "pg";
import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import type { Samples } from "#init/guess-columns.ts";

const rows = 200;
const characters = 200;

/**
 * Up to 200 values of each text column of each table, for guessing what it holds; cut to 200 characters. The caller
 * holds a read-only transaction. The values stay in memory and are written nowhere.
 */
export const readSamples = async (client: pg.PoolClient, catalog: Catalog): Promise<Samples> => {
  const samples = new Map<string, ReadonlyMap<string, readonly string[]>>();
  for (const table of catalog.tables.values()) {
    if (table.kind === "table" || table.kind === "partitioned") samples.set(table.name, await sampleOf(client, table));
  }
  return samples;
};

const sampleOf = async (
  client: pg.PoolClient,
  table: CatalogTable,
): Promise<ReadonlyMap<string, readonly string[]>> => {
  const columns = table.columns.filter(({ shape, type }) => shape === "text" && type !== "tsvector");
  if (columns.length === 0) return new Map();
  const list = columns.map(({ name }) => `left(${pg.escapeIdentifier(name)}::text, ${characters})`).join(", ");
  const from = `${pg.escapeIdentifier(table.schema)}.${pg.escapeIdentifier(table.relation)}`;
  const result = await client.query<(string | null)[]>({
    text: `select ${list} from ${from} limit ${rows}`,
    rowMode: "array",
  });
  return new Map(
    columns.map(({ name }, index) => [
      name,
      result.rows.flatMap((row) => {
        const value = row[index];
        return value === null || value === undefined || value === "" ? [] : [value];
      }),
    ]),
  );
};
