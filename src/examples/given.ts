import type { Catalog, CatalogTable } from "#catalog/catalog.ts";
import type { Finding } from "#plan/finding.ts";
import { meant } from "#plan/missing.ts";
import type { Example, Policy } from "#policy/policy.ts";

/** An example that the store and itself allow to be run, and its place in the policy. */
export type Numbered = { readonly example: Example; readonly index: number };

/** `example "…": what is wrong`, at a path below `examples`. */
export const exampleFinding = (
  policy: Policy,
  { example, index }: Numbered,
  path: readonly (string | number)[],
  what: string,
  hint: string,
  code: Finding["code"] = "POLICY_EXAMPLE",
): Finding => ({
  code,
  message: `example "${example.example}": ${what}`,
  place: policy.placeOf(["examples", index, ...path]),
  hint,
});

/** The code that an example expects to be blocked by. */
export const expectedBlock = ({ then }: Pick<Example, "then">): string | undefined =>
  "blocked" in then && typeof then["blocked"] === "string" ? then["blocked"] : undefined;

/** What is wrong with an example before it is run: names that the store does not have, rows that nobody gave, codes that nothing has. */
export const givenFindings = (policy: Policy, catalog: Catalog, numbered: Numbered): readonly Finding[] => {
  const { given } = numbered.example;
  const root = policy.subject.table;
  const note = (path: readonly (string | number)[], what: string, hint: string, code?: Finding["code"]): Finding =>
    exampleFinding(policy, numbered, path, what, hint, code);
  const nobody =
    given[root] === undefined
      ? [note(["given"], `no row of ${root} is given: nobody asks`, `add ${root}: its first row is whoever asks`)]
      : [];
  const rows = Object.entries(given).flatMap(([name, written]): readonly Finding[] => {
    const table = catalog.tables.get(name);
    if (table === undefined) {
      const hint = meant(name, catalog.tables.keys()) ?? "correct the name, or leave the rows out";
      return [note(["given", name], `the store has no table ${name}`, hint, "POLICY_TABLE_MISSING")];
    }
    if (table.kind === "view" || table.kind === "materialised-view") {
      return [note(["given", name], `${name} is a view, which has no rows of its own`, "give rows of what it reads")];
    }
    return written.flatMap((row, position) =>
      Object.keys(row).flatMap((column): readonly Finding[] => {
        const [what, hint, code] = columnProblem(table, column) ?? [];
        return what === undefined ? [] : [note(["given", name, position, column], what, hint ?? "", code)];
      }),
    );
  });
  return [...nobody, ...rows, ...thenFindings(policy, numbered)];
};

const columnProblem = (table: CatalogTable, name: string): [string, string, Finding["code"]] | undefined => {
  const column = table.columns.find((candidate) => candidate.name === name);
  if (column === undefined) {
    const hint =
      meant(
        name,
        table.columns.map((candidate) => candidate.name),
      ) ?? "correct the name, or leave it out";
    return [`table ${table.name} has no column ${name}`, hint, "POLICY_COLUMN_MISSING"];
  }
  return column.generated
    ? [`${table.name}.${name} is generated`, "leave it out: the database computes it", "POLICY_EXAMPLE"]
    : undefined;
};

const thenFindings = (policy: Policy, numbered: Numbered): readonly Finding[] => {
  const { given, then } = numbered.example;
  const code = expectedBlock(numbered.example);
  if (code !== undefined) {
    const codes = [...policy.blockers.map((blocker) => blocker.code), "SHARED_ROW"];
    if (codes.includes(code)) return [];
    const hint = meant(code, codes) ?? `use one of: ${codes.join(", ")}`;
    return [exampleFinding(policy, numbered, ["then", "blocked"], `no blocker has the code ${code}`, hint)];
  }
  return Object.entries(then).flatMap(([table, fates]): readonly Finding[] => {
    const rows = given[table];
    if (rows === undefined) {
      const hint = meant(table, Object.keys(given)) ?? `add rows of ${table} to \`given\``;
      return [exampleFinding(policy, numbered, ["then", table], `no row of ${table} is given`, hint)];
    }
    if (typeof fates === "string" || fates.length === rows.length) return [];
    const what = `${table} has ${rows.length} rows in \`given\` and ${fates.length} in \`then\``;
    return [exampleFinding(policy, numbered, ["then", table], what, "write one for each row, or one word for all")];
  });
};
