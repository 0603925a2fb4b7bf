import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadPolicy } from "#policy/load.ts";
import { parsePolicy } from "#policy/parse.ts";
import { shopPolicy } from "#test/policy/shop-policy.ts";

test("a policy's file is read, or said to be missing", async () => {
  const folder = await mkdtemp(join(tmpdir(), "lethe-policy-"));
  try {
    await writeFile(join(folder, "shop.yaml"), `\u{feff}${shopPolicy}`);
    expect((await loadPolicy(join(folder, "shop.yaml"))).digest).toBe(parsePolicy("shop.yaml", shopPolicy).digest);
    await expect(loadPolicy(join(folder, "none.yaml"))).rejects.toMatchObject({ code: "POLICY_MISSING" });
    await expect(loadPolicy(folder)).rejects.toMatchObject({ code: "POLICY_INVALID" });
  } finally {
    await rm(folder, { recursive: true });
  }
});
