import { execFile } from "node:child_process";
import { resolve } from "node:path";
import type { Config } from "#config.ts";
import type { FaultPoint } from "#lib/fault.ts";

export type Night = { readonly config: Config; readonly now: string; readonly run: string };

/** Runs a night's purge in a process of its own; answers the signal that killed it, as `fault` makes it do itself. */
export const purgeProcess = ({ config, now, run }: Night, fault?: FaultPoint): Promise<NodeJS.Signals | null> => {
  const script = resolve(import.meta.dirname, "purge-process.ts");
  const args = ["-C", "source", script, JSON.stringify({ ...config, stores: [] }), now, run];
  const env = { ...process.env, ...(fault === undefined ? {} : { LETHE_FAULT: fault }) };
  return new Promise((settle, reject) => {
    const child = execFile(process.execPath, args, { env }, (error, _out, err) => {
      if (error !== null && child.signalCode === null) reject(new Error(err));
      else settle(child.signalCode);
    });
  });
};
