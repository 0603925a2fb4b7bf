/** How many decimals a number has as JavaScript writes it: `1e-7` is the seventh. */
export const decimalsIn = (number: number): number => {
  const [digits = "", exponent = "0"] = String(number).split("e");
  return Math.max(0, (digits.split(".")[1] ?? "").length - Number(exponent));
};
