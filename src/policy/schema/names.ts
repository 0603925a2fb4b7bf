import { z } from "zod";

export const text = z.string().min(1);

export const table = z
  .string()
  .regex(/^[^\s.]([^.]*[^\s.])?(\.[^\s.]([^.]*[^\s.])?)?$/, "a table is named `table` or `schema.table`")
  .refine((name) => !name.startsWith("public."), "tables of schema public are named without `public.`")
  .describe("A table: `table` in schema public, `schema.table` elsewhere.");

export const column = text.describe("A column of the table.");

export const columnName = z
  .string()
  .regex(/^[^\s.]+(\.[^\s.]+){1,2}$/, "expected `table.column` or `schema.table.column`");

export const measure = z
  .string()
  .regex(/^(count|(sum|distinct)\([^\s()]+\))$/, "expected `count`, `sum(column)` or `distinct(column)`");

export const scalar = z.union([z.string(), z.number(), z.boolean()], {
  error: "expected text, a number, true or false",
});

export const value = z.union([z.null(), z.string(), z.number(), z.boolean()], {
  error: "expected null, text, a number, true or false",
});

export const option = z
  .string()
  .regex(/^[a-z][a-z0-9_]*$/, "an option is named with small letters, digits and _")
  .describe("One of the `options` above: when it is false, this line does not count.");
