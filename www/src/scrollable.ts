// A box that scrolls while what is in it is higher than it: by keys too, and with a sign that there is more below.

/** What is less than a line, in pixels: a margin, and nothing that is missed. */
const LESS = 12;

/** Keeps `tabindex` and `data-below` of a box true to what of it is in sight. */
export function scrollable(box: HTMLElement): void {
  const look = () => {
    const hidden = box.scrollHeight - box.clientHeight;
    if (hidden > 0) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
    box.toggleAttribute("data-below", hidden - box.scrollTop > LESS);
  };
  const sizes = new ResizeObserver(look);
  for (const element of [box, ...box.children]) sizes.observe(element);
  box.addEventListener("scroll", look, { passive: true });
}
