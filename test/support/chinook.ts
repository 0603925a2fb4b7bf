import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { finished } from "node:stream/promises";
import { from as copyFrom } from "pg-copy-streams";
import { type Pool, withClient } from "#db/pool.ts";
import { repository } from "#test/support/cli.ts";

const file = resolve(repository, "../shared/data/chinook/chinook.json");

/** Why tests on Chinook cannot run here; undefined when they can. */
export const chinookMissing: string | undefined = existsSync(file)
  ? undefined
  : "the Chinook data set is not beside the repository";

/** Parents first. Keys, types and nullability are those of the Chinook project's own PostgreSQL script. */
const schema = `
create table genre (genre_id integer primary key, name varchar(120));
create table media_type (media_type_id integer primary key, name varchar(120));
create table artist (artist_id integer primary key, name varchar(120));
create table album (album_id integer primary key, title varchar(160) not null, artist_id integer not null references artist);
create table track (
  track_id integer primary key, name varchar(200) not null, album_id integer references album,
  media_type_id integer not null references media_type, genre_id integer references genre, composer varchar(220),
  milliseconds integer not null, bytes integer, unit_price numeric(10,2) not null);
create table employee (
  employee_id integer primary key, last_name varchar(20) not null, first_name varchar(20) not null, title varchar(30),
  reports_to integer references employee deferrable initially deferred, birth_date timestamp, hire_date timestamp,
  address varchar(70), city varchar(40), state varchar(40), country varchar(40), postal_code varchar(10),
  phone varchar(24), fax varchar(24), email varchar(60));
create table customer (
  customer_id integer primary key, first_name varchar(40) not null, last_name varchar(20) not null, company varchar(80),
  address varchar(70), city varchar(40), state varchar(40), country varchar(40), postal_code varchar(10),
  phone varchar(24), fax varchar(24), email varchar(60) not null, support_rep_id integer references employee);
create table invoice (
  invoice_id integer primary key, customer_id integer not null references customer, invoice_date timestamp not null,
  billing_address varchar(70), billing_city varchar(40), billing_state varchar(40), billing_country varchar(40),
  billing_postal_code varchar(10), total numeric(10,2) not null);
create table invoice_line (
  invoice_line_id integer primary key, invoice_id integer not null references invoice,
  track_id integer not null references track, unit_price numeric(10,2) not null, quantity integer not null);
create table playlist (playlist_id integer primary key, name varchar(120));
create table playlist_track (
  playlist_id integer not null references playlist, track_id integer not null references track,
  primary key (playlist_id, track_id));`;

/** Tables and columns of the file are in PascalCase: `InvoiceLine.UnitPrice` is `invoice_line.unit_price`. */
const snake = (name: string): string => name.replaceAll(/(?<=[a-z])([A-Z])/g, "_$1").toLowerCase();

type Value = string | number | null;
type Row = Readonly<Record<string, Value>>;

/** Makes Chinook's eleven tables with their keys in schema public and fills them: 59 customers, 412 invoices, 2,240 lines. */
export const loadChinook = async (pool: Pool): Promise<void> => {
  const tables = Object.entries(JSON.parse(await readFile(file, "utf8")) as Record<string, readonly Row[]>);
  await withClient(pool, async (client) => {
    await client.query("begin");
    await client.query(schema);
    for (const [table, rows] of tables) {
      const columns = Object.keys(rows[0] ?? {});
      const copy = client.query(copyFrom(`copy ${snake(table)} (${columns.map(snake).join(", ")}) from stdin`));
      copy.end(rows.map((row) => columns.map((column) => copyText(row[column] ?? null)).join("\t") + "\n").join(""));
      await finished(copy);
    }
    await client.query("commit");
    await client.query("analyze");
  });
};

const copyText = (value: Value): string =>
  value === null
    ? "\\N"
    : String(value).replaceAll("\\", "\\\\").replaceAll("\t", "\\t").replaceAll("\n", "\\n").replaceAll("\r", "\\r");
