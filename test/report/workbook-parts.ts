import { open } from "node:fs/promises";
import parseSax from "exceljs/lib/utils/parse-sax.js";
import { zipContent, zipEntries } from "#intake/zip.ts";

/** An element of a part; `text` is that of its own, without its children's. */
export type Node = {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Node[];
  text: string;
};

/** The parts of a workbook by their names. */
export const partsOf = async (path: string): Promise<ReadonlyMap<string, string>> => {
  await using archive = await open(path);
  const parts = new Map<string, string>();
  for (const entry of await zipEntries(archive)) {
    // Each part's stream leaves listeners on the handle that it reads from.
    await using handle = await open(path);
    const chunks: Buffer[] = [];
    for await (const chunk of zipContent(handle, entry)) chunks.push(chunk);
    parts.set(entry.name, Buffer.concat(chunks).toString("utf8"));
  }
  return parts;
};

/** The root of a part. Throws where it is not well-formed XML. */
export const parsed = async (xml: string): Promise<Node> => {
  const root: Node = { name: "", attributes: {}, children: [], text: "" };
  const open_ = [root];
  for await (const events of parseSax([Buffer.from(xml)])) {
    for (const { eventType, value } of events) {
      const parent = open_.at(-1) ?? root;
      if (eventType === "text") parent.text += value;
      else if (eventType === "closetag") open_.pop();
      else {
        const node = { name: value.name, attributes: value.attributes, children: [], text: "" };
        parent.children.push(node);
        open_.push(node);
      }
    }
  }
  const [node] = root.children;
  if (node === undefined || open_.length > 1) throw new SyntaxError("not well-formed");
  return node;
};

/** Every element of that name below a node, in the order of the document. */
export const all = (node: Node, name: string): Node[] => [
  ...(node.name === name ? [node] : []),
  ...node.children.flatMap((child) => all(child, name)),
];

/** The one element of that name below a node. Throws where there is none, or more than one. */
export const one = (node: Node, name: string): Node => {
  const [found, ...others] = all(node, name);
  if (found === undefined || others.length > 0) throw new Error(`${others.length + 1} of ${name} in ${node.name}`);
  return found;
};
