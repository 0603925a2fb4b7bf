import { z } from "zod";
import { treeHeadSchema } from "#evidence/statement.ts";

/**
 * `entries.jsonl`: one canonical JSON a line. The first line says where the entries start: the compact range of the tree
 * before them, and the head that the bundle before ended at. Each further line is the body of one ledger entry, exactly
 * as it was hashed. So anyone can recompute the signed root, and see that it extends the root signed before.
 */
export const entriesFile = "entries.jsonl";
export const checkpointFile = "checkpoint";

export const entriesHeaderSchema = z.strictObject({
  from: z.int().nonnegative(),
  frontier: z.array(z.string().regex(/^[0-9a-f]{64}$/)).max(53),
  previous: treeHeadSchema,
});

export type EntriesHeader = z.infer<typeof entriesHeaderSchema>;
