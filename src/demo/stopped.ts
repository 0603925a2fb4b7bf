import type { Context } from "#context.ts";

/** How many requests of the register stand still under which code, the commonest first. */
export const readStopped = async ({
  state,
}: Pick<Context, "state">): Promise<readonly { code: string; requests: number }[]> => {
  const rows = await state.db
    .selectFrom("lethe.request")
    .select(({ fn }) => ["code", fn.countAll<number>().as("requests")])
    .where("code", "is not", null)
    .where("state", "not in", ["erased", "completed"])
    .groupBy("code")
    .orderBy("requests", "desc")
    .orderBy("code")
    .execute();
  return rows.map(({ code, requests }) => ({ code: code ?? "", requests }));
};
