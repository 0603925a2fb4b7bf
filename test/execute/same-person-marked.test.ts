import { afterEach, expect, test } from "vitest";
import type { Context, Store } from "#context.ts";
import { planForApproval } from "#forecast.ts";
import { approveAll } from "#intake/approve.ts";
import { addRequest } from "#intake/requests.ts";
import type { Fields } from "#intake/row.ts";
import { parsePolicy } from "#policy/parse.ts";
import { softThenHard } from "#test/execute/guarded.ts";
import { openNight, policyText, type Night, type NightOptions } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

const { schema, subject, now } = softThenHard;
const shop = { schema, subject, now } as const;
const soft = {
  ...shop,
  sections: "deletion: { mode: soft, set: { status: inactive } }",
  tables:
    "customers: { treatment: keep, reason: soft, personal: [email, ext] }\norders: { treatment: keep, reason: books }",
} as const;
const anonymised =
  "{ treatment: anonymise, columns: { email: { set: null }, ext: { set: null }, status: { set: erased } } }";
const [ann, sameAnn] = [{ email: "ann@shop.example" }, { external_id: "X-1" }];

const under = (context: Context, options: NightOptions): Context => {
  const [store] = context.stores as [Store];
  return { ...context, stores: [{ ...store, policy: parsePolicy("policy.yaml", policyText(options)) }] };
};
const askAt = async (context: Context, fields: Fields): Promise<string> => {
  const { ref } = await addRequest(context, fields);
  await approveAll(context, { by: "dpo", planFor: planForApproval });
  return ref;
};
const known = async () => [
  ...(await night.state.query("select value from lethe.request_identifier")),
  ...(await night.state.query("select value from lethe.subject_identifier")),
  ...(await night.state.query("select key from lethe.subject union all select key from lethe.identity")),
];

test.each([
  ["other values in the marked column", anonymised, "anonymised"],
  ["nothing", "{ treatment: erase }", "erased"],
])(
  "what one request leaves of a marked person's row, %s, is for the others no activation",
  async (_, rule, outcome) => {
    night = await openNight({
      ...shop,
      sections: "deletion: { mode: soft-then-hard, set: { status: inactive }, grace: P30D }",
      tables: `customers: ${rule}\norders: { treatment: erase }`,
      store: { batch: 1 },
    });
    await night.ask(ann, sameAnn);
    await night.nightly();
    const third = await askAt(night.at("2026-11-12T01:00:00Z"), { key: "1" });
    await night.nightly(night.at("2026-11-12T02:00:00Z"));
    await night.nightly(night.at("2026-12-03T02:00:00Z"));
    expect(await night.requests()).toMatchObject([
      { state: "completed" },
      { state: "completed" },
      { state: "scheduled" },
    ]);
    expect(await night.nightly(night.at("2026-12-14T02:00:00Z"))).toMatchObject({ outcome: "done" });
    expect(await night.requests(third)).toMatchObject([{ state: "completed" }]);
    expect(await night.state.query("select outcome from lethe.outcome")).toEqual([
      { outcome },
      { outcome },
      { outcome },
    ]);
    expect(await known()).toEqual([]);
  },
);

test("who is archived is not active again because another request set another mark, and is known no more once one erases for good", async () => {
  night = await openNight(soft);
  const first = (await night.ask(ann))[0] ?? "";
  await night.nightly();
  const renamed = { ...soft, sections: "deletion: { mode: soft, set: { status: deleted } }" };
  const second = await askAt(under(night.at("2026-11-12T01:00:00Z"), renamed), ann);
  await night.nightly(under(night.at("2026-11-12T02:00:00Z"), renamed));
  const hard = {
    ...shop,
    tables: `customers: ${anonymised.replace("{ set: erased }", "keep")}\norders: { treatment: erase }`,
  };
  await night.nightly(under(night.at("2026-11-13T02:00:00Z"), hard));
  expect(await night.requests(first, second)).toMatchObject([{ state: "archived" }, { state: "archived" }]);
  expect(await night.store.query("select status from customers where id = 1")).toEqual([{ status: "deleted" }]);
  const third = await askAt(under(night.at("2026-11-14T01:00:00Z"), hard), ann);
  await night.nightly(under(night.at("2026-11-14T02:00:00Z"), hard));
  expect(await night.requests(first, second, third)).toMatchObject([
    { state: "archived" },
    { state: "archived" },
    { state: "completed" },
  ]);
  expect(await known()).toEqual([]);
});
