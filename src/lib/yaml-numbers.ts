import type { Document } from "yaml";
import { isPair, isScalar, isSeq, visit } from "yaml";
import type { Place } from "#lib/errors.ts";
import type { Mistake, Path } from "#lib/mistakes.ts";

/**
 * Numbers that are not what is written: 01234 is read as 1234, 9007199254740993 as 9007199254740992, 1.10 as 1.1. Whoever writes one
 * means a text, or more digits than a number here can have; in quotes it stays as it is, and a column of numbers reads it as one.
 */
export const numberMistakes = (document: Document.Parsed, at: (offset: number) => Place): Mistake[] => {
  const mistakes: Mistake[] = [];
  visit(document, {
    Scalar: (key, node, ancestors) => {
      if (key === "key" || typeof node.value !== "number" || node.source === String(node.value)) return;
      const path = pathOf([...ancestors, node]);
      mistakes.push({
        place: at(node.range?.[0] ?? 0),
        what: `${path.length === 0 ? "" : `${path.join(".")}: `}as a number it would not be what is written`,
        hint: "put it in quotes",
      });
    },
  });
  return mistakes;
};

const pathOf = (nodes: readonly unknown[]): Path =>
  nodes.flatMap((node, index): Path => {
    if (isPair(node)) return isScalar(node.key) ? [String(node.key.value)] : [];
    return isSeq(node) ? [node.items.indexOf(nodes[index + 1])] : [];
  });
