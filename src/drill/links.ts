import { readdir, readFile, realpath } from "node:fs/promises";
import { join, sep } from "node:path";
import { LetheError } from "#lib/errors.ts";

/**
 * A link in a data directory that was restored as it lay leads to where the live server has its log, a tablespace or its configuration: a server that
 * is started on it writes into them, and so do we when we configure it.
 *
 * @throws LetheError `DRILL_IMPOSSIBLE`
 */
export const assertNoWayOut = async (data: string, place: string): Promise<void> => {
  // The server makes links of this one itself, before it recovers.
  const map = await readFile(join(data, "tablespace_map"), "utf8").catch(() => "");
  if (map.trim() !== "") throw leadsOut("tablespace_map");
  const inside = (await realpath(place)) + sep;
  for (const entry of await readdir(data, { recursive: true, withFileTypes: true })) {
    if (!entry.isSymbolicLink()) continue;
    // One that leads nowhere from here may lead somewhere a moment later.
    const target = await realpath(join(entry.parentPath, entry.name)).catch(() => "");
    if (!target.startsWith(inside)) throw leadsOut(entry.name);
  }
};

const leadsOut = (name: string): LetheError =>
  new LetheError("DRILL_IMPOSSIBLE", `${name} of the data directory that was restored leads to outside of it`, {
    hint: "it would be the live server's; back up by pgBackRest, which puts tablespaces and the log elsewhere, or restore one by hand to try it",
  });
