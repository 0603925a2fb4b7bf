import { createReadStream, existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { from as copyFrom } from "pg-copy-streams";
import { withClient, type Pool } from "#db/pool.ts";
import { identifier } from "#lib/sql-text.ts";
import { repository } from "#test/support/cli.ts";

const folder = resolve(repository, "../shared/data/anonymity");

/** Why tests on public tables cannot run here; undefined when they can. */
export const publicTablesMissing: string | undefined = existsSync(folder)
  ? undefined
  : "the public tables are not beside the repository";

/** Columns that hold numbers; all others are text. */
const numbers = new Set(["Score", "age", "hours-per-week", "education-num"]);

/** Loads a CSV file as it is into a table of the same name with its columns in the same order. */
export const loadPublicTable = async (pool: Pool, name: string): Promise<void> => {
  const file = resolve(folder, `${name}.csv`);
  const header = (await readFile(file, "utf8")).split("\n", 1)[0]?.trim() ?? "";
  const columns = header.split(",").map((column) => {
    const isNumber = numbers.has(column) && name !== "hospital_anonymized";
    return `${identifier(column)} ${isNumber ? "numeric" : "text"}`;
  });
  await withClient(pool, async (client) => {
    await client.query(`create table ${identifier(name)} (${columns.join(", ")})`);
    const into = client.query(copyFrom(`copy ${identifier(name)} from stdin (format csv, header)`));
    await pipeline(createReadStream(file), into);
  });
};
