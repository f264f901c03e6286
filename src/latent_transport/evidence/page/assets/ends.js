// The two ends in the plane: handles to drag or to move by arrow keys; a click or a drag elsewhere
// sets them anew.

const LETTERS = ["A", "B"];
const DRAGGED = 6; // pixels from which a click is a drag
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
const STRIDE = 0.025; // of the view, an arrow key
const FINE_STRIDE = 0.005; // with Shift

// Where an arrow key leads from a point, within the view; null for other keys.
function steer(event, point, { left, bottom, side }) {
  const move = MOVES[event.key];
  if (!move) return null;
  event.preventDefault();
  const stride = side * (event.shiftKey ? FINE_STRIDE : STRIDE);
  return [left, bottom].map((low, axis) =>
    Math.min(Math.max(point[axis] + stride * move[axis], low), low + side),
  );
}

class Ends {
  // `onChange` gets the ends, of which there are 0 to 2, and the one that has moved.
  constructor(plane, onChange) {
    this.plane = plane;
    this.onChange = onChange;
    this.points = [];
    this.handles = LETTERS.map((letter, place) => this.addHandle(letter, place));
    plane.canvas.addEventListener("pointerdown", (event) => this.press(event));
  }

  addHandle(letter, place) {
    const handle = document.createElement("button");
    handle.className = "end";
    handle.type = "button";
    handle.dataset.end = letter;
    handle.hidden = true;
    this.plane.box.append(handle);
    handle.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      handle.focus();
      this.drag(handle, event, (point) => this.move(place, point));
    });
    handle.addEventListener("keydown", (event) => {
      const point = steer(event, this.points[place], this.plane.view);
      if (point) this.move(place, point);
    });
    return handle;
  }

  press(event) {
    if (event.button !== 0) return;
    const start = this.plane.fromEvent(event);
    const [x, y] = [event.clientX, event.clientY];
    let dragged = false;
    // A finger's drag scrolls the page.
    const follow = (point, now) => {
      dragged ||= Math.hypot(now.clientX - x, now.clientY - y) > DRAGGED;
      if (dragged && event.pointerType !== "touch") this.set([start, point], 1);
    };
    this.drag(this.plane.canvas, event, follow, () => {
      if (!dragged) this.choose(start);
    });
  }

  drag(element, { pointerId }, onMove, onEnd = () => {}) {
    const move = (event) => onMove(this.plane.fromEvent(event), event);
    const stop = (event) => {
      element.removeEventListener("pointermove", move);
      element.removeEventListener("pointerup", stop);
      element.removeEventListener("pointercancel", stop);
      if (event.type === "pointerup") onEnd();
    };
    element.setPointerCapture(pointerId);
    element.addEventListener("pointermove", move);
    element.addEventListener("pointerup", stop);
    element.addEventListener("pointercancel", stop);
  }

  // A first end, or the second.
  choose(point) {
    this.set(this.points.length === 1 ? [...this.points, point] : [point]);
  }

  move(place, point) {
    this.set(this.points.map((old, i) => (i === place ? point : old)), place);
  }

  set(points, moved = points.length - 1) {
    this.points = points;
    this.onChange(points, moved);
  }

  // Places and names the handles: `names` say what they are, beside their letters.
  draw(names) {
    this.handles.forEach((handle, place) => {
      const point = this.points[place];
      handle.hidden = !point;
      if (!point) return;
      const [across, down] = this.plane.toShare(point);
      handle.style.left = `${100 * across}%`;
      handle.style.top = `${100 * down}%`;
      handle.textContent = names[place].letter;
      handle.setAttribute("aria-label", `${names[place].label} at ${formatPoint(point)}`);
    });
  }
}
