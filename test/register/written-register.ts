import { join } from "node:path";
import type { Workbook } from "exceljs";
import { exportRegister, type WrittenRegister } from "#register/export-register.ts";
import { decide, fillRegister, openRegister, type Decided } from "#test/register/fill-register.ts";
import { openWorkbook, rowsOf, sheetOf } from "#test/register/read-workbook.ts";
import type { TestContext } from "#test/support/context.ts";

/** Requests that were entered by the hundred, and one more for each kind of decision. */
export const filled = 48;
export const decidedOnes = 9;

export type Exported = {
  readonly t: TestContext;
  readonly file: string;
  readonly written: WrittenRegister;
  readonly workbook: Workbook;
  readonly decided: Decided;
  /** The rows of a sheet with one table. */
  readonly table: (name: string) => ReturnType<typeof rowsOf>;
  /** References in the order of the register. */
  readonly refsOf: (where?: string) => Promise<string[]>;
};

/** A register over all thirteen states, and the workbook that was written of it. */
export const exported = async (): Promise<Exported> => {
  const t = await openRegister();
  await fillRegister(t, filled);
  const decided = await decide(t);
  await t.state.query("update lethe.request set state = 'erasing' where ref = $1", [decided.approved]);
  const file = join(t.directory, "out", "register.xlsx");
  const written = await exportRegister(t.context, { from: null, to: null }, file);
  const workbook = await openWorkbook(file);
  return {
    t,
    file,
    written,
    workbook,
    decided,
    table: (name) => rowsOf(sheetOf(workbook, name)),
    refsOf: async (where = "true") => {
      const text = `select ref from lethe.request where ${where} order by received_on, ref`;
      return (await t.state.query<{ ref: string }>(text)).map(({ ref }) => ref);
    },
  };
};

/** A day as a cell has it. */
export const day = (text: string): InstanceType<typeof Date> => new Date(`${text}T00:00:00Z`);
