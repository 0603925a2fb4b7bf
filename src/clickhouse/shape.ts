import { columnShape } from "#clickhouse/findings.ts";
import { readColumnCatalog, type ColumnCatalog } from "#clickhouse/read-catalog.ts";
import type { ColumnStore } from "#context.ts";
import type { Shape } from "#records/plan.ts";

/** The rules for a store as it is now. Throws every finding at once (I1). */
export const currentColumnShape = async (
  store: ColumnStore,
): Promise<{ readonly shape: Shape; readonly catalog: ColumnCatalog }> => {
  const catalog = await readColumnCatalog(store);
  return { shape: columnShape(store.policy, catalog), catalog };
};
