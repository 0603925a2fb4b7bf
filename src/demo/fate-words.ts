import type { Effects } from "#demo/effects.ts";
import type { Fate } from "#demo/read-back.ts";

/**
 * What became of the rows of one table, in a word of at most fifteen letters: `*` where personal data stays, `†` where a living
 * customer uses what stays.
 */
export const cell = (table: string, fate: Fate, { steps, stays }: Effects): string => {
  const { rows, gone, changed, named } = fate;
  const own = steps.filter((step) => step.table === table);
  const personal = named > 0 || stays.some((stay) => stay.table === table);
  if (rows === 0) return "none there";
  if (gone === rows) return "erased";
  const shared = gone > 0 && changed === 0 && !personal && own.some(({ spared }) => spared > 0);
  if (shared) return "erased †";
  const retained = own.some((step) => step.treatment === "retain" && step.rows > 0);
  return `${gone > 0 ? "part erased, " : ""}${kept(fate, retained, personal)}${personal ? " *" : ""}`;
};

const kept = ({ changed, columns, ended }: Fate, retained: boolean, personal: boolean): string => {
  if (ended > 0) return columns.includes("revoked_at") ? "revoked" : "cancelled";
  if (retained) return "retained";
  if (changed === 0) return "kept whole";
  if (!personal) return "anonymised";
  return columns.every((column) => column === "status") ? "marked" : "kept";
};
