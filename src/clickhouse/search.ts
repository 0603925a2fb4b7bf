import type { ColumnClient } from "#clickhouse/client.ts";
import { list, id, ownPrefix, tableIn, text } from "#clickhouse/sql.ts";
import type { CatalogColumn, CatalogTable } from "#catalog/catalog.ts";
import { betweenDigits, notInPhones, wordWithDigits } from "#verify/phone-silhouette.ts";
import type { Hit } from "#verify/search.ts";
import { profileWhile, type Sought, type SoughtForm, type SoughtProfile } from "#verify/sought.ts";

/** In memory, and never on the disk of the server: what names people stands in it. */
const soughtName = `${ownPrefix}sought`;

/** Runs `search` while everything that is sought stands in a table beside the store's. */
export const withSought = async <T>(
  client: ColumnClient,
  sought: AsyncIterable<Sought>,
  search: (profile: SoughtProfile) => Promise<T>,
): Promise<T> => {
  const ours = tableIn(client.database, soughtName);
  await client.run(`drop table if exists ${ours} sync`);
  await client.run(`create table ${ours} (request UInt64, kind String, form String) engine = Memory`);
  try {
    const profile = await profileWhile(sought, (forms) =>
      client.insert(ours, ["request", "kind", "form"], rows(forms)),
    );
    return await search(profile);
  } finally {
    await client.run(`drop table if exists ${ours} sync`);
  }
};

async function* rows(forms: AsyncIterable<SoughtForm>): AsyncGenerator<readonly unknown[]> {
  for await (const [request, , kind, form] of forms) yield [request, kind, form];
}

/**
 * Searches a table, declared in the policy or not, in every column that can hold text: one scan for all subjects. A cell is cut into
 * what could be an identifier, and the pieces are joined to what is sought, as the search of PostgreSQL does it.
 */
export const searchColumns = async (
  client: ColumnClient,
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
            looksLike: `match(cell.2, ${text(posix(profile.phone.pattern))})`,
          },
        ]),
  ];
  if (columns.length === 0) return [];
  const hits: Hit[] = [];
  for (const { kind, of, looksLike } of pieces) {
    const cells = list(columns.map((column) => `(${text(column.name)}, ${textOf(column)})`));
    const found = await client.rows<{ request: number; column: string; rows: number }>(
      `select w.request as request, name as column, uniqExact(place) as rows from (
        select place, cell.1 as name, arrayJoin(arrayDistinct(${of})) as form from (
          select (_part, _part_offset) as place, arrayJoin([${cells}]) as cell from ${tableIn(client.database, table.name)})
        where length(cell.2) >= ${Math.min(profile.shortest, 1_000)}
          and ${looksLike} and form in (select form from ${tableIn(client.database, soughtName)} where kind = ${text(kind)})) f
      inner join (select distinct request, form from ${tableIn(client.database, soughtName)} where kind = ${text(kind)}) w on w.form = f.form
      group by request, column order by request, column`,
    );
    hits.push(...found.map((row) => ({ ...row, table: table.name })));
  }
  return hits;
};

/** Arrays and tuples write quotes inside text with a backslash. */
const textOf = ({ name, shape }: CatalogColumn): string => {
  const written = `ifNull(toString(${id(name)}), '')`;
  return shape === "text" ? written : `replaceAll(${written}, ${text(String.raw`\'`)}, ${text("'")})`;
};

/** Web addresses write `@` as `%40` and `+` as `%2B`; JSON may write `@` as an escape. */
const decoded = "replaceAll(replaceAll(replaceAll(lowerUTF8(cell.2), '%40', '@'), '%2b', '+'), '\\\\u0040', '@')";

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
  const words = `replaceRegexpAll(cell.2, ${text(posix(wordWithDigits))}, 'x')`;
  const pieces = `splitByRegexp(${text(posix(notInPhones))}, ${words})`;
  const groups = `arrayFilter(group -> group <> '', splitByRegexp(${text(posix(`${betweenDigits}+`))}, piece))`;
  const sequences = `arrayMap(first -> arrayMap(many -> arrayStringConcat(arraySlice(${groups}, first, many)), range(1, least(length(${groups}) - first + 1, ${longest}) + 1)), arrayEnumerate(${groups}))`;
  return `arrayFlatten(arrayMap(piece -> arrayFlatten(${sequences}), ${pieces}))`;
};

/** From the patterns that PostgreSQL reads to those of RE2. */
const posix = (pattern: string): string =>
  pattern.replaceAll("[:alnum:]", "\\pL\\pN").replaceAll("[:alpha:]", "\\pL").replaceAll("\\u00a0", "\\x{a0}");
