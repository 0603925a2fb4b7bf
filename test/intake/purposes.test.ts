import { afterEach, expect, test } from "vitest";
import { addRequest } from "#intake/requests.ts";
import { openNight, type Night } from "#test/execute/night.ts";

let night: Night;
afterEach(() => night.dispose());

test("who asks to be forgotten is not refused for what the same person asked before", async () => {
  night = await openNight({
    schema: `create table customers (id int primary key, email text);
      insert into customers values (1, 'ann@shop.example')`,
    sections: "purposes: [delete-user]",
    tables: "customers: { treatment: erase }",
  });
  const ann = { email: "ann@shop.example" };
  const first = await addRequest(night.context, { ...ann, purpose: "clean-up" });
  const second = await addRequest(night.context, ann);
  expect(await addRequest(night.context, ann)).toEqual({ ref: second.ref, repeated: true });
  await night.ask();
  await night.nightly();
  expect(await night.requests(first.ref, second.ref)).toMatchObject([{ state: "refused" }, { state: "completed" }]);
  expect(await night.store.query("select id from customers")).toEqual([]);
});
