const ITEM = /^item \d+$/;

/** What an unnamed member of a list is called in a trail; counted from 1. */
export function itemName(place: number): string {
  return `item ${place}`;
}

/** The headings that say what a passage is about, for the model: the innermost few, without mere places. */
export function topic(trail: readonly string[]): string {
  return trail
    .filter((part) => !ITEM.test(part))
    .slice(-3)
    .join(" › ")
    .slice(0, 120);
}
