// Functions that are run in a page, and stand alone for that.

/** Whether what has the focus shows it: by an outline of its own, or by that of what it is in. */
export function visibleFocus(): boolean {
  for (
    let at: Element | null = document.activeElement;
    at !== null && at !== document.body;
    at = at.parentElement
  ) {
    const { outlineStyle, outlineWidth } = getComputedStyle(at);
    if (outlineStyle !== "none" && Number.parseFloat(outlineWidth) >= 1) return true;
    // Only what is around a field shows its focus for it.
    if (at === document.activeElement && !at.matches("textarea, input")) return false;
  }
  return false;
}

/** Of all texts that are shown, the one that is the least clear of its ground, by WCAG's ratio. */
export function lowestContrast(): { ratio: number; what: string; measured: number } {
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  if (context === null) throw new Error("There is no canvas.");
  const rgba = (color: string) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = color;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data] as [number, number, number, number];
  };
  const luminance = (color: string) => {
    const [r, g, b] = rgba(color)
      .slice(0, 3)
      .map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)) as [
      number,
      number,
      number,
    ];
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const groundOf = (element: Element): string => {
    for (let at: Element | null = element; at !== null; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (rgba(backgroundColor)[3] === 255) return backgroundColor;
    }
    return "Canvas";
  };
  const ratioOf = (element: Element, pseudo?: string) => {
    const [a, b] = [luminance(getComputedStyle(element, pseudo).color), luminance(groundOf(element))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const hasText = ({ childNodes }: Element) =>
    [...childNodes].some((node) => node instanceof Text && node.data.trim() !== "");
  const isShown = (element: Element) =>
    element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
    element.closest(".unseen, .skip, script, style") === null;
  const found = [...document.body.querySelectorAll("*")].filter(isShown);
  const measured = [
    ...found.filter(hasText).map((element) => ({ element, ratio: ratioOf(element) })),
    ...found
      .filter((element) => element.matches("[placeholder]"))
      .map((element) => ({ element, ratio: ratioOf(element, "::placeholder") })),
  ];
  const lowest = measured.reduce((a, b) => (a.ratio < b.ratio ? a : b));
  return { ratio: lowest.ratio, what: lowest.element.outerHTML.slice(0, 200), measured: measured.length };
}
