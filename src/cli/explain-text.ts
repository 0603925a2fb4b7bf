import { table } from "#cli/table.ts";
import type { ColumnExplanation } from "#explain/column.ts";
import type { Explanation } from "#explain/table.ts";
import { formatPlace } from "#lib/errors.ts";

/** Explanations for people: the rule and its place first, then whose rows, columns, and everything that looks at them. */
export const explainText = (explanations: readonly Explanation[]): string => explanations.map(oneText).join("\n\n");

const oneText = (explained: Explanation): string => {
  const { store, policy, version, table: name, column, kind, rule, says } = explained;
  const what = kind === "table" ? "" : `, ${kind.replace("-", " ")}`;
  const line = rule === null ? "no rule" : `${rule.treatment}  ${formatPlace(rule.place)}`;
  return [
    `${name}${column === null ? "" : `.${column}`}  (store ${store}${what}; policy ${policy} version ${version})`,
    `  ${line}`,
    ...says.map((sentence) => `  ${sentence}`),
    ...(column === null ? [] : explained.columns.flatMap(columnLines)),
    ...section("Whose rows", [...explained.paths, ...explained.sharing]),
    ...(column === null ? columnsSection(explained.columns) : []),
    ...section(
      "Looked at before",
      explained.blockers.flatMap(({ code, place, rows, then, hint }) => [
        `${code}  ${formatPlace(place)}`,
        `  ${rows}: ${then}${hint === null ? "" : ` (${hint})`}`,
      ]),
    ),
    ...section("What the database does by itself", explained.database),
    ...section("Looked into after the erasure", searchedLines(explained)),
    ...section("Figures made of it", explained.figures.map(readLine)),
    ...section("Recipients who are told", explained.recipients.map(readLine)),
    ...section("Examples", explained.examples.map(readLine)),
  ].join("\n");
};

const section = (title: string, lines: readonly string[]): readonly string[] =>
  lines.length === 0 ? [] : ["", title, ...lines.map((line) => `  ${line}`)];

const readLine = ({ name, place }: Explanation["figures"][number]): string => `${name}  ${formatPlace(place)}`;

const columnLines = ({ type, place, becomes, means, also }: ColumnExplanation): readonly string[] => [
  "",
  `  ${type}${place === null ? "" : `  ${formatPlace(place)}`}`,
  `  becomes: ${becomes}`,
  `  that is: ${means}`,
  ...also.map((fact) => `  ${fact}`),
];

const columnsSection = (columns: readonly ColumnExplanation[]): readonly string[] => {
  const [first] = columns;
  if (first === undefined) return [];
  const alike = columns.every(
    ({ becomes, means, also }) => becomes === first.becomes && means === first.means && also.length === 0,
  );
  if (alike) return section("Columns", [`all of them: ${first.becomes}; ${first.means}`]);
  const rows = columns.map(({ column, becomes, means, also, place }) => [
    `  ${column}`,
    becomes,
    [means, ...also].join("; "),
    place === null ? "" : `line ${place.line}`,
  ]);
  const titles = [{ title: "  column" }, { title: "becomes" }, { title: "that is" }, { title: "said in" }];
  return ["", "Columns", table(rows, titles)];
};

const searchedLines = ({ column, columns }: Explanation): readonly string[] => {
  const searched = columns.filter((each) => each.searched).map((each) => each.column);
  if (column !== null) {
    return [
      searched.length > 0 ? "for every identifier of the subject" : "not: its type can hold no identifier as text",
    ];
  }
  return searched.length === 0 ? [] : [`${searched.join(", ")}: for every identifier of the subject`];
};
