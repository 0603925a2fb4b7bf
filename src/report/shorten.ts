/**
 * Names of at most `room` letters, without their middles where they are longer: names of tables often begin the same, and differ at the end. What is
 * left out of all of them is chosen so that different names stay different, where that is possible.
 */
export const shorten = (names: readonly string[], room: number): readonly string[] => {
  const different = new Set(names).size;
  const half = Math.ceil((room - 1) / 2);
  for (const head of [half, ...Array(room).keys()]) {
    const short = names.map((name) => withoutMiddle([...name], head, room));
    if (new Set(short).size === different) return short;
  }
  return names.map((name) => withoutMiddle([...name], half, room));
};

const withoutMiddle = (letters: readonly string[], head: number, room: number): string =>
  letters.length <= room
    ? letters.join("")
    : [...letters.slice(0, head), "…", ...letters.slice(letters.length - (room - 1 - head))].join("");
