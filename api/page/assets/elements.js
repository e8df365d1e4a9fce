// Creates and updates elements. Text is inserted as text only, so the name of a series can never become markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An HTML element: h("p", {class: "x"}, "text", child). */
export const h = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

/** An SVG element. */
export const s = (tag, attributes = {}, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

/** The element with an id. */
export const byId = (id) => document.getElementById(id);

const shown = new WeakMap();

/** Update an element's content only if its input changed: no flicker, and the focus is kept. */
export function renew(element, from, build) {
  const key = JSON.stringify(from);
  if (shown.get(element) === key) return;
  shown.set(element, key);
  element.replaceChildren(...[build(from)].flat(Infinity).filter(Boolean));
}
