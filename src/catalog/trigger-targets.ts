const target =
  /\b(?:insert\s+into|update|delete\s+from|merge\s+into)\s+(?:only\s+)?((?:"[^"]+"|[\w$]+)(?:\s*\.\s*(?:"[^"]+"|[\w$]+))?)/gi;

const unquote = (name: string): string => (name.startsWith('"') ? name.slice(1, -1) : name.toLowerCase());

/**
 * The tables that a trigger function's source names as targets of INSERT, UPDATE, DELETE or MERGE (I6: no silent copy).
 * It reads text: targets that a function builds with EXECUTE, or reaches through another function, stay unseen; for
 * those there is verification, which searches every table whoever wrote to it.
 */
export const tablesWrittenBy = (source: string, tables: ReadonlySet<string>): string[] => {
  const code = source.replaceAll(/--[^\n]*|\/\*[\s\S]*?\*\//g, " ");
  const found = new Set<string>();
  for (const match of code.matchAll(target)) {
    const parts = (match[1] ?? "").split(/\s*\.\s*/).map(unquote);
    const name = parts.length === 2 && parts[0] === "public" ? (parts[1] ?? "") : parts.join(".");
    // Without a schema it depends on the search path: any table of that name may be meant.
    for (const table of tables)
      if (table === name || (parts.length === 1 && table.endsWith(`.${name}`))) found.add(table);
  }
  return [...found].toSorted();
};
