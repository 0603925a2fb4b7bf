import { textOf } from "#report/cell.ts";

/** XML that is well-formed already. */
export type Xml = { readonly xml: string };

type Attributes = Readonly<Record<string, string | number>>;

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Text of an element or attribute, of whatever names from outside hold: they are hostile input. */
const escaped = (value: string | number): string =>
  textOf(value).replaceAll(/[&<>"]/g, (character) => escapes[character] ?? character);

/** `<name attributes>children</name>`; a child that is a string or number becomes text, undefined becomes nothing. */
export const element = (
  name: string,
  attributes: Attributes,
  ...children: readonly (Xml | string | number | undefined)[]
): Xml => {
  const open = Object.entries(attributes).reduce((xml, [key, value]) => `${xml} ${key}="${escaped(value)}"`, name);
  const inner = children
    .filter((child) => child !== undefined)
    .map((child) => (typeof child === "object" ? child.xml : escaped(child)))
    .join("");
  return { xml: inner === "" ? `<${open}/>` : `<${open}>${inner}</${name}>` };
};

/** Several elements as one child. */
export const each = (elements: readonly Xml[]): Xml => ({ xml: elements.map(({ xml }) => xml).join("") });

export const file = ({ xml }: Xml): string => `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n${xml}`;
