import { durationText } from "#lib/duration-text.ts";
import type { PolicyDraft, TableDraft } from "#init/draft.ts";
import { aligned, flowList, prose, scalar, transformText, type Line } from "#init/yaml-text.ts";
import { conserveText } from "#policy/conserve.ts";
import type { Treatment } from "#records/treatment.ts";

/** The draft as a YAML file that a data protection officer and an engineer go through together. */
export const renderPolicy = (draft: PolicyDraft): string =>
  [
    header(draft),
    [
      `policy: ${scalar(draft.name)}`,
      "version: 1",
      `effective: ${draft.today}`,
      "owner: dpo@example.org  # review: who answers for this policy",
    ],
    subjectLines(draft),
    linkLines(draft),
    classLines(draft),
    tableLines(draft),
    blockerLines(draft),
  ]
    .filter((part) => part.length > 0)
    .map((part) => part.join("\n"))
    .join("\n\n")
    .concat("\n");

const header = ({ database, today, tables, views }: PolicyDraft): string[] => [
  `# Drafted by \`lethe init\` on ${today} from the live schema of database ${oneLine(database)}: ${tables.length} tables.`,
  "# Names, types and samples of values were guessed from; no value was written down.",
  "#",
  "# What to do next:",
  "#   1. Go through every `# review:` with whoever knows the data; correct the line or delete the comment.",
  "#   2. Have counsel confirm the retention classes.",
  "#   3. Run `lethe policy check`, then `lethe plan`: neither changes anything.",
  ...(views.length === 0
    ? []
    : [`# Views show what their tables hold and need no rule: ${oneLine(views.join(", "))}.`]),
];

// Names come from the database: a line break in one must not end the comment.
const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ");

const subjectLines = ({ subject, subjectReason }: PolicyDraft): string[] => {
  const identifiers = Object.entries(subject.identifiers).map(([kind, column]) => `${kind}: ${scalar(column)}`);
  const lines: Line[] = [
    { key: "table", value: scalar(subject.table), note: oneLine(subjectReason) },
    { key: "key", value: scalar(subject.key), note: undefined },
    {
      key: "identifiers",
      value: identifiers.length === 0 ? "{}" : `{ ${identifiers.join(", ")} }`,
      note: "columns that name the person everywhere; searched for after erasure",
    },
    ...(subject.names.length === 0
      ? []
      : [{ key: "names", value: flowList(subject.names), note: "redacted in free text of the person's own rows" }]),
  ];
  return ["subject:", ...aligned(lines, "  ")];
};

const linkLines = ({ links }: PolicyDraft): string[] => {
  if (links.length === 0) return [];
  const lines = links.map(({ link: { from, to, where }, reason }): [string, string] => {
    const [source, target] = [`${from.table}.${from.column}`, `${to.table}.${to.column}`];
    const conditions = Object.entries(where).map(([column, value]) => `${scalar(column)}: ${scalar(value)}`);
    if (conditions.length === 0 && /^[\w.]+$/.test(source + target)) return [`${source} -> ${target}`, reason];
    const filter = conditions.length === 0 ? "" : `, where: { ${conditions.join(", ")} }`;
    return [`{ from: ${scalar(source)}, to: ${scalar(target)}${filter} }`, reason];
  });
  const width = Math.max(...lines.map(([text]) => text.length));
  return [
    "# Relations that the database does not declare.",
    "links:",
    ...lines.map(([text, reason]) => `  - ${text.padEnd(width)}  # review: ${reason}`),
  ];
};

const classLines = ({ tables, statute, country }: PolicyDraft): string[] => {
  if (!tables.some(({ guess }) => guess.treatment === "retain")) return [];
  const value =
    statute === undefined ? "{ basis: unknown, period: P10Y, anchor: end-of-calendar-year }" : "{ law: voucher }";
  const note =
    statute === undefined
      ? `no statutory period is known to Lethe for ${country}: fill in basis and period`
      : `${country}: ${durationText(statute.period)} by ${statute.citation}; have counsel confirm${statute.verify ? ", the citation is not settled" : ""}`;
  return [
    "# How long the law demands that records stay, counted from the `clock` of each row.",
    "classes:",
    ...aligned([{ key: "voucher", value, note }], "  "),
  ];
};

const groups: readonly { treatment: Treatment; title: string }[] = [
  {
    treatment: "retain",
    title: "Records that the law demands: the rows stay for their period, without what the law does not need.",
  },
  { treatment: "anonymise", title: "Rows that stay without the person." },
  { treatment: "erase", title: "Rows that go." },
  { treatment: "keep", title: "Rows that stay as they are." },
];

const tableLines = (draft: PolicyDraft): string[] => {
  const root = draft.tables.filter(({ name }) => name === draft.subject.table);
  const others = draft.tables.filter(({ name }) => name !== draft.subject.table);
  return [
    "tables:",
    "  # The data subject.",
    ...root.flatMap(wholeTable),
    ...groups.flatMap(({ treatment, title }) => {
      const members = others
        .filter(({ guess }) => guess.treatment === treatment)
        .toSorted((a, b) => (a.name < b.name ? -1 : 1));
      if (members.length === 0) return [];
      const short = treatment === "erase" || treatment === "keep";
      const body = short
        ? aligned(members.map(shortTable), "  ")
        : members.flatMap((table, index) => (index === 0 ? wholeTable(table) : ["", ...wholeTable(table)]));
      return ["", `  # ${title}`, ...body];
    }),
  ];
};

const shortTable = ({ name, guess }: TableDraft): Line =>
  guess.treatment === "keep"
    ? {
        key: scalar(name),
        value: `{ treatment: keep, reason: ${prose(guess.reason)} }`,
        note: guess.note,
      }
    : { key: scalar(name), value: "{ treatment: erase }", note: guess.reason };

const wholeTable = ({ name, guess, columns, analytics }: TableDraft): string[] => {
  const retain = guess.treatment === "retain";
  const clock = guess.clock ?? "";
  const lines: Line[] = [
    { key: "treatment", value: guess.treatment, note: guess.reason },
    ...(retain
      ? [
          { key: "class", value: "voucher", note: undefined },
          { key: "clock", value: scalar(clock), note: "the date from which the period counts" },
        ]
      : []),
    ...(analytics === undefined
      ? []
      : [
          {
            key: "quasi",
            value: flowList(analytics.quasi),
            note: "columns by whose combination somebody could be recognised",
          },
          { key: "k", value: String(analytics.k), note: undefined },
          {
            key: "conserve",
            value: flowList(analytics.conserve.map(conserveText)),
            note: "totals that must not change",
          },
          ...(analytics.clock === undefined ? [] : [{ key: "clock", value: scalar(analytics.clock), note: undefined }]),
          { key: "per", value: analytics.per, note: undefined },
        ]),
  ];
  return [
    `  ${scalar(name)}:`,
    ...aligned(lines, "    "),
    "    columns:",
    ...aligned(
      columns.map((column) => ({
        key: scalar(column.name),
        value: transformText(column.transform),
        note: column.note,
      })),
      "      ",
    ),
  ];
};

const blockerLines = ({ blockers }: PolicyDraft): string[] => {
  if (blockers.length === 0) return [];
  return [
    "# What stops a request until a person has acted.",
    "blockers:",
    ...blockers.flatMap(({ code, table, column, values, hint }) => [
      `  - code: ${code}`,
      `    when: { table: ${scalar(table)}, ${scalar(column)}: ${flowList(values)} }  # review: states in which a request has to wait`,
      "    then: block",
      `    hint: ${prose(hint)}`,
    ]),
  ];
};
