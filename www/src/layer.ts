// A group of the picture, drawn thing by thing: only what is another than before is drawn anew, so that the browser styles,
// lays out and paints only that.
import { s } from "./dom";

export class Layer<T> {
  readonly element: SVGElement;
  /** The elements of each thing, in their order. */
  drawn: SVGElement[][] = [];
  private keys: string[] = [];

  /** What `key` gives of a thing says all that `draw` draws of it. */
  constructor(
    classes: string,
    private readonly draw: (thing: T) => SVGElement[],
    private readonly key: (thing: T) => unknown = (thing) => thing,
  ) {
    this.element = s("g", { class: classes });
  }

  /** What is shown next is drawn anew. */
  forget(): void {
    this.keys = [];
  }

  show(things: readonly T[]): void {
    const keys = things.map((thing) => JSON.stringify(this.key(thing)));
    let from = 0;
    while (from < keys.length && keys[from] === this.keys[from]) from++;
    // Where some have come or gone, the others are found by their distance from the end.
    const shift = this.keys.length - keys.length;
    const gone = new Set(this.drawn.flat());
    let next: SVGElement | null = null;
    const drawn: SVGElement[][] = [];
    for (let i = keys.length - 1; i >= 0; i--) {
      const was = i < from ? i : Math.max(from, i + shift);
      const kept = (i < from || was === i + shift) && keys[i] === this.keys[was];
      const elements: SVGElement[] = (kept && this.drawn[was]) || this.draw(things[i] as T);
      for (const element of elements) if (!gone.delete(element)) this.element.insertBefore(element, next);
      next = elements[0] ?? next;
      drawn[i] = elements;
    }
    for (const element of gone) element.remove();
    this.drawn = drawn;
    this.keys = keys;
  }
}
