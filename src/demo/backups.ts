import { createHash } from "node:crypto";
import { mkdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type pg from "pg";
import { copyOut } from "#db/copy.ts";
import { withClient, type Pool } from "#db/pool.ts";
import type { Calendar } from "#demo/calendar.ts";
import { partitionsSql, schemaSql } from "#demo/schema.ts";

const compress = promisify(gzip);

/** Enough to be a backup worth protecting; referred tables first. */
const dumped = ["addresses", "customers", "products", "prices", "payment_methods", "subscriptions", "invoices"];

/** Of the night before an ISO day's morning. */
export const backupName = (day: string): string => `shop-${day}.sql.gz`;

/**
 * Writes `count` nightly dumps `shop-YYYY-MM-DD.sql.gz` with `.sha256` side-cars, the newest of last night, dated 02:30 in the
 * company's time zone by name and by modification time. Each is plain SQL that `psql` can run. The data are compressed
 * once: gzip allows several members in a file (RFC 1952 §2.2), so each night has a small one of its own in front.
 */
export const writeBackups = async (
  pool: Pool,
  directory: string,
  count: number,
  days: Calendar,
): Promise<{ readonly bytes: number }> => {
  await mkdir(directory, { recursive: true });
  const body = await compress(await withClient(pool, (client) => dumpBody(client, days)), { level: 6 });
  let bytes = 0;
  for (let ago = count; ago >= 1; ago -= 1) {
    const night = days.today.subtract({ days: ago });
    const name = backupName(night.toString());
    const head = await compress(
      `--\n-- PostgreSQL database dump\n--\n\n-- Database shop as of ${night.toString()} 02:30\n\n`,
    );
    const content = Buffer.concat([head, body]);
    const sum = createHash("sha256").update(content).digest("hex");
    const taken = night.toZonedDateTime({ timeZone: days.timeZone, plainTime: "02:30" }).epochMilliseconds / 1000;
    for (const [file, text] of [
      [join(directory, name), content],
      [join(directory, `${name}.sha256`), `${sum}  ${name}\n`],
    ] as const) {
      await writeFile(file, text);
      await utimes(file, taken, taken);
    }
    bytes += content.length;
  }
  return { bytes };
};

const dumpBody = async (client: pg.PoolClient, days: Calendar): Promise<Buffer> => {
  const parts = [Buffer.from(`set client_encoding = 'UTF8';\n${schemaSql}\n${partitionsSql(days.today, 1)}\n`)];
  for (const table of dumped) {
    const { rows } = await client.query<{ columns: string }>(
      `select string_agg(quote_ident(attname), ', ' order by attnum) as columns
         from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped and attgenerated = ''`,
      [table],
    );
    const columns = rows[0]?.columns ?? "";
    const data = await buffer(copyOut(client, `select ${columns} from ${table} order by id`));
    parts.push(Buffer.from(`copy public.${table} (${columns}) from stdin;\n`), data, Buffer.from("\\.\n\n"));
  }
  parts.push(Buffer.from("--\n-- PostgreSQL database dump complete\n--\n"));
  return Buffer.concat(parts);
};
