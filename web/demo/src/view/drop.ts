/** Takes files that are dropped anywhere on the page; while they hover, the body has `data-dragging`. */
export function onDrop(take: (data: DataTransfer) => void): void {
  let depth = 0;
  const dragging = (event: DragEvent, change: number) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = Math.max(0, depth + change);
    document.body.toggleAttribute("data-dragging", depth > 0);
  };
  addEventListener("dragenter", (event) => dragging(event, 1));
  addEventListener("dragleave", (event) => dragging(event, -1));
  addEventListener("dragover", (event) => dragging(event, 0));
  addEventListener("drop", (event) => {
    dragging(event, -depth);
    if (event.dataTransfer !== null && hasFiles(event)) take(event.dataTransfer);
  });
}

function hasFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes("Files") ?? false;
}
