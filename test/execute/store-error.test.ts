import { afterEach, expect, test, vi } from "vitest";
import { holdRequest } from "#holds/request.ts";
import { withdrawRequest } from "#intake/decide.ts";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

test("of whom nothing was changed, because the store's error undid the batch, people can decide, and the next night goes on", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text, status text not null default 'active');
      insert into customers values (1, 'dan@shop.example'), (2, 'ann@shop.example'), (3, 'bob@shop.example'), (4, 'cem@shop.example');
      create function refuse() returns trigger language plpgsql as $$ begin
        if old.email = 'dan@shop.example' then raise exception using errcode = '23514'; end if;
        perform pg_terminate_backend(pg_backend_pid()); return new; end $$;
      create trigger refuse before update on customers for each row when (new.email is null) execute function refuse()`,
    sections: "deletion: { mode: soft-then-hard, set: { status: inactive }, grace: P1D }",
    tables: "customers: { treatment: anonymise, columns: { email: { set: null }, status: keep } }",
    now: "2026-11-02T02:00:00Z",
  });
  // Dan's row comes first, so that the batch is divided before the store's error stops the work on it.
  const names = ["dan", "ann", "bob", "cem"];
  const [dan = "", held = "", gone = "", next = ""] = await night.ask(
    ...names.map((name) => ({ email: `${name}@shop.example` })),
  );
  await night.nightly();
  const at = night.at("2026-11-04T02:00:00Z");
  const undone = { state: "scheduled", code: null };
  await expect(night.nightly(at)).rejects.toMatchObject({ code: "DATABASE_LOST" });
  expect(await night.requests(held, gone, next)).toMatchObject([undone, undone, undone]);
  await holdRequest(at, held, { by: "dpo", matter: "A-1" });
  await withdrawRequest(at, gone, { by: "dpo" });
  await night.store.query(
    "create or replace function public.refuse() returns trigger language plpgsql as 'begin return new; end'",
  );
  await night.nightly(night.at("2026-11-05T02:00:00Z"));
  expect(await night.requests(dan, held, gone, next)).toMatchObject([
    { state: "failed", code: "CONSTRAINT_VIOLATED" },
    { state: "held" },
    { state: "withdrawn" },
    { state: "completed" },
  ]);
  const kinds = await night.state.query<{ kind: string }>(
    "select kind from lethe.ledger_entry where request_ref = $1 order by index",
    [next],
  );
  expect(kinds.map(({ kind }) => kind).slice(3)).toEqual(
    ["erasing", "scheduled", "erasing", "erased", "completed"].map((kind) => `request.${kind}`),
  );
});

test("whose plan was saved, and whose batch was undone all the same, is where they were, and that is on record", async () => {
  night = await openNight({
    schema:
      "create table customers (id int primary key, email text); insert into customers values (1, 'ann@shop.example')",
    tables: "customers: { treatment: anonymise, columns: { email: { set: null } } }",
  });
  const [ref = ""] = await night.ask({ email: "ann@shop.example" });
  vi.stubEnv("LETHE_FAULT", "after-plan-frozen");
  const kill = vi.spyOn(process, "kill").mockImplementation(() => {
    throw new Error("the machine is going down");
  });
  await expect(night.nightly()).rejects.toThrow("going down");
  kill.mockRestore();
  vi.unstubAllEnvs();
  expect(await night.requests(ref)).toMatchObject([{ state: "approved", code: null }]);
  expect(await night.store.query("select email from customers")).toEqual([{ email: "ann@shop.example" }]);
  await night.nightly(night.at("2026-11-03T02:00:00Z"));
  const kinds = await night.state.query<{ kind: string }>(
    "select kind from lethe.ledger_entry where request_ref = $1 order by index",
    [ref],
  );
  expect(kinds.map(({ kind }) => kind).slice(3)).toEqual(
    ["erasing", "undone", "erasing", "erased", "completed"].map((kind) => `request.${kind}`),
  );
});
