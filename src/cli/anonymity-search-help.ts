/** Below the options in `lethe anonymity search --help`. */
export const hierarchiesHelp = `
A file of hierarchies names the quasi-identifiers, and for each of them how its
values may become coarser:

hierarchies:
  # hour, day, week, month, quarter, year, decade
  born_on: { time: [month, quarter, year] }
  # widths, each a multiple of the one before
  income: { bands: [500, 1000, 5000], from: 0 }
  # maps, applied one after the other
  city:
    levels:
      - { Bonn: West, Essen: West, Berlin: East }
      - { West: Germany, East: Germany }
  # value;level1;level2, below a header
  education: { file: education.csv }
  # most: the highest level that may be chosen
  sex: { levels: [], most: 0 }

Level 0 is the value as it is, and one value for all comes last by itself. NULL
stays NULL up to there.

Loss, from 0 to 1, is the average over all rows and columns of how much of its
domain a value's group takes: of numbers and times the width of the group by the
range of the column, of text the other values in the group by all others in the
hierarchy. A row that is held back loses all of each column.

With --due only the rows of people whose requests are due (approved, in their
time of grace, or waiting for company) become coarser; all others stay as they
are and count as company where they are equal: k is the fewer of rows, all of
one's own as one, and of people, as far as rows say whose they are. Loss is over
the rows that are due, of which at most 10,000 requests are looked at. Levels
that would weaken classes of published rows are refused. Everybody is seen at
once: who needs others in several classes may wait for them in the night, which
tries them in batches.

Ends with 1 where no levels reach what is asked.`;
