import type { ColumnClient } from "#clickhouse/client.ts";
import { list, id, tableIn, text } from "#clickhouse/sql.ts";
import type { CatalogColumn, CatalogTable } from "#catalog/catalog.ts";
import { LetheError } from "#lib/errors.ts";
import { betweenDigits, notInPhones, wordWithDigits } from "#verify/phone-silhouette.ts";
import type { Hit } from "#verify/search.ts";
import { profileWhile, type Sought, type SoughtForm, type SoughtProfile } from "#verify/sought.ts";

/**
 * Runs `search` while everything that is sought stands in the table `ours`, in memory and never on the disk of the server; afterwards it has to
 * be there still, all of it.
 */
export const withSought = async <T>(
  client: ColumnClient,
  ours: string,
  sought: AsyncIterable<Sought>,
  search: (profile: SoughtProfile) => Promise<T>,
): Promise<T> => {
  await client.run(`create table ${ours} (request UInt64, kind String, form String) engine = Memory`);
  let forms = 0;
  const counted = async function* (rows: AsyncIterable<SoughtForm>): AsyncGenerator<readonly unknown[]> {
    for await (const [request, , kind, form] of rows) {
      forms += 1;
      yield [request, kind, form];
    }
  };
  const profile = await profileWhile(sought, (rows) => client.insert(ours, ["request", "kind", "form"], counted(rows)));
  const result = await search(profile);
  const [left] = await client.rows<{ rows: number }>(`select count() as rows from ${ours}`);
  if (left?.rows === forms) return result;
  throw new LetheError("DATABASE_FAILED", "what is sought was gone from ClickHouse before the search was over", {
    hint: "the server was started anew, or somebody dropped the table; the next run searches again",
  });
};

/**
 * Searches a table, declared in the policy or not, in every column that can hold text: one scan for all subjects. A cell is cut into
 * what could be an identifier, and the pieces are joined to what is sought in `ours`, as the search of PostgreSQL does it.
 */
export const searchColumns = async (
  client: ColumnClient,
  ours: string,
  table: CatalogTable,
  profile: SoughtProfile,
): Promise<readonly Hit[]> => {
  const columns = table.columns.filter(({ shape }) => shape !== "other");
  const pieces = [
    ...(profile.tokens ? [{ kind: "token", of: tokensOf(profile.inners), looksLike: "1" }] : []),
    ...(profile.phone === undefined
      ? []
      : [
          {
            kind: "phone",
            of: phonesOf(profile.phone.sizes.at(-1) ?? 0),
            looksLike: `match(lethe_cell.2, ${text(posix(profile.phone.pattern))})`,
          },
        ]),
  ];
  if (columns.length === 0) return [];
  const hits: Hit[] = [];
  for (const { kind, of, looksLike } of pieces) {
    const cells = list(columns.map((column) => `(${text(column.name)}, ${textOf(column)})`));
    const found = await client.rows<{ request: number; name: string; found: number }>(
      `select w.request as request, f.lethe_name as name, uniqExact(f.lethe_place) as found from (
        select lethe_place, lethe_cell.1 as lethe_name, arrayJoin(arrayDistinct(${of})) as lethe_form from (
          select rowNumberInAllBlocks() as lethe_place, arrayJoin([${cells}]) as lethe_cell from ${tableIn(client.database, table.name)})
        where length(lethe_cell.2) >= ${Math.min(profile.shortest, 1_000)}
          and ${looksLike} and lethe_form in (select form from ${ours} where kind = ${text(kind)})) f
      inner join (select distinct request, form from ${ours} where kind = ${text(kind)}) w on w.form = f.lethe_form
      group by request, name order by request, name`,
    );
    hits.push(...found.map((row) => ({ request: row.request, column: row.name, rows: row.found, table: table.name })));
  }
  return hits;
};

/** Arrays and tuples write quotes inside text with a backslash. */
const textOf = ({ name, shape }: CatalogColumn): string => {
  const written = `ifNull(toString(${id(name)}), '')`;
  return shape === "text" ? written : `replaceAll(${written}, ${text(String.raw`\'`)}, ${text("'")})`;
};

/** Web addresses write `@` as `%40` and `+` as `%2B`; JSON may write `@` as an escape. */
const decoded = "replaceAll(replaceAll(replaceAll(lowerUTF8(lethe_cell.2), '%40', '@'), '%2b', '+'), '\\\\u0040', '@')";

/** For a character class of RE2. */
const classed = (characters: string): string => characters.replaceAll(/[\]^\-\\[]/g, String.raw`\$&`);

const tokensOf = (inners: readonly string[]): string => {
  const cut = inners.map((inner) => {
    const tokens = `extractAll(${decoded}, ${text(`[\\pL\\pN${classed(inner)}]+`)})`;
    // A full stop behind an address ends a sentence.
    return inner === "" ? tokens : `arrayMap(token -> trim(both ${text(inner)} from token), ${tokens})`;
  });
  return `arrayConcat(${list([...cut, "emptyArrayString()"])})`;
};

/** Sequences of neighbouring groups of digits: two numbers side by side are one piece, but a longer number does not contain a shorter one. */
const phonesOf = (longest: number): string => {
  const words = `replaceRegexpAll(lethe_cell.2, ${text(posix(wordWithDigits))}, 'x')`;
  const pieces = `splitByRegexp(${text(posix(notInPhones))}, ${words})`;
  const groups = `arrayFilter(group -> group <> '', splitByRegexp(${text(posix(`${betweenDigits}+`))}, piece))`;
  const sequences = `arrayMap(first -> arrayMap(many -> arrayStringConcat(arraySlice(${groups}, first, many)), range(1, least(length(${groups}) - first + 1, ${longest}) + 1)), arrayEnumerate(${groups}))`;
  return `arrayFlatten(arrayMap(piece -> arrayFlatten(${sequences}), ${pieces}))`;
};

/** From the patterns that PostgreSQL reads to those of RE2. */
const posix = (pattern: string): string =>
  pattern.replaceAll("[:alnum:]", "\\pL\\pN").replaceAll("[:alpha:]", "\\pL").replaceAll("\\u00a0", "\\x{a0}");
