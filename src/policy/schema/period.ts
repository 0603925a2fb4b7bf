import { Temporal } from "temporal-polyfill";
import { z } from "zod";

/** Years, months and days only: a statutory period never counts hours. */
const isPeriod = (written: string): boolean => {
  try {
    const { years, months, weeks, days, sign } = Temporal.Duration.from(written);
    return sign === 1 && weeks === 0 && Temporal.Duration.from({ years, months, days }).toString() === written;
  } catch {
    return false;
  }
};

export const period = z
  .string()
  .refine(isPeriod, "expected an ISO 8601 duration of years, months or days, such as P8Y")
  .describe("How long, as an ISO 8601 duration: `P8Y` is eight years, `P18M` eighteen months.");
