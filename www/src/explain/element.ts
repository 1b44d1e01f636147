// What the box is built of.

/** A new element with a class and children. */
export function el<K extends keyof HTMLElementTagNameMap>(tag: K, name = "", ...children: (Node | string)[]) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.append(...children);
  return element;
}

/** A button with a class, its text, and what pressing it does. */
export function press(name: string, text: string, pressed: () => void): HTMLButtonElement {
  const button = el("button", name, text);
  button.type = "button";
  button.addEventListener("click", pressed);
  return button;
}
