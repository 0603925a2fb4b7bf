import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { parse } from "yaml";
import { z } from "zod";

const statutes = z.record(
  z.string().regex(/^[A-Z]{2}$/),
  z.strictObject({
    basis: z.string(),
    period: z.string(),
    anchor: z.enum(["event", "end-of-calendar-year"]),
    verify: z.boolean().optional(),
  }),
);

/** How long a country's law keeps transaction records. `verify`: the citation still wants a lawyer. */
export type Statute = z.output<typeof statutes>[string];

/** Reads the periods that ship in `policies/retention-classes.yaml`: data with citations, not code. */
export const readStatutes = async (): Promise<Readonly<Record<string, Statute>>> =>
  statutes.parse(parse(await readFile(findUpwards("policies/retention-classes.yaml"), "utf8")));

// The sources and the built package lie at different depths below the folder that holds policies/.
const findUpwards = (relative: string): string => {
  for (let folder = import.meta.dirname; ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, relative);
    if (existsSync(candidate) || folder === path.dirname(folder)) return candidate;
  }
};
