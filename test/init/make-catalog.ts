import type { Catalog, CatalogColumn, CatalogTable } from "#catalog/catalog.ts";

type Shorthand = Partial<Omit<CatalogTable, "columns" | "foreignKeys">> & {
  /** `name type`, with `!` behind the type for NOT NULL. */
  readonly columns: readonly string[];
  /** `column -> table.column` */
  readonly refers?: readonly string[];
};

/** A catalog from a few words, for rules that look at names and shapes only. */
export const makeCatalog = (tables: Readonly<Record<string, Shorthand>>): Catalog => ({
  store: "shop",
  serverVersion: 180_004,
  outsiders: [],
  heirs: [],
  fingerprint: "",
  tables: new Map(Object.entries(tables).map(([name, shorthand]) => [name, tableOf(name, shorthand)])),
});

const tableOf = (name: string, { columns, refers = [], ...rest }: Shorthand): CatalogTable => ({
  name,
  schema: "public",
  relation: name,
  kind: "table",
  partitions: [],
  primaryKey: ["id"],
  unique: [],
  exclusive: [],
  checks: [],
  triggers: [],
  rules: [],
  rowSecurity: false,
  reads: [],
  refreshable: false,
  analysable: true,
  triggerable: true,
  indexed: [],
  estimatedRows: -1,
  ...rest,
  columns: ["id bigint!", ...columns].map(columnOf),
  foreignKeys: refers.map((text) => {
    const [column = "", target = ""] = text.split(" -> ");
    const [table = "", key = ""] = target.split(".");
    return {
      name: `${name}_${column}_fkey`,
      columns: [column],
      references: { table, columns: [key] },
      match: "simple",
      onDelete: "no action",
      onUpdate: "no action",
      setsNull: [],
      deferrable: false,
    };
  }),
});

export const columnOf = (text: string): CatalogColumn => {
  const [name = "", ...words] = text.split(" ");
  const type = words.join(" ").replace(/!$/, "");
  const shape = type.endsWith("[]")
    ? "array"
    : type.startsWith("json")
      ? "json"
      : /^(text|character|uuid|inet|citext)/.test(type)
        ? "text"
        : "other";
  return { name, type, shape, nullable: !text.endsWith("!"), generated: false, identity: undefined, hasDefault: false };
};
