import { open } from "node:fs/promises";
import { zipContent, zipEntries } from "#intake/zip.ts";

/** Names and contents of all parts of an archive, inflated, as one text. */
export const unzipped = async (path: string): Promise<string> => {
  await using archive = await open(path);
  const parts: string[] = [];
  for (const entry of await zipEntries(archive)) {
    // Each part's stream leaves listeners on the handle that it reads from.
    await using handle = await open(path);
    const chunks: Buffer[] = [];
    for await (const chunk of zipContent(handle, entry)) chunks.push(chunk);
    parts.push(entry.name, Buffer.concat(chunks).toString("utf8"));
  }
  return parts.join("\n");
};
