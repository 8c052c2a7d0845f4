type Handler = ((event: Event) => void) | null;

/**
 * Gives `target` the attribute `on<type>`, as DOM objects have them: a listener among the others, in the place where
 * it was first set.
 */
export function addEventHandler(target: EventTarget, type: string): void {
  let handler: Handler = null;
  const call = (event: Event) => handler?.call(target, event);
  Object.defineProperty(target, `on${type}`, {
    enumerable: true,
    get: () => handler,
    set: (given: unknown) => {
      handler = typeof given === "function" ? (given as Handler) : null;
      if (handler) target.addEventListener(type, call);
      else target.removeEventListener(type, call);
    },
  });
}
