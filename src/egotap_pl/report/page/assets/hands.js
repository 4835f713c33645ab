// What hands do on the drawing and on the curve.

/**
 * Drag, pinch, wheel and keys on the drawing. A wheel scrolls the page until the drawing has been clicked.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Viewer} viewer
 */
function listenToSpace(canvas, viewer) {
  /** @type {Map<number, { x: number, y: number }>} */
  const touching = new Map();
  const spread = () => {
    const [a, b] = [...touching.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  };
  canvas.addEventListener("pointerdown", (event) => {
    touching.set(event.pointerId, { x: event.clientX, y: event.clientY });
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = touching.get(event.pointerId);
    if (!before) return;
    const apart = touching.size === 2 ? spread() : 0;
    touching.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (apart) viewer.zoom(spread() / apart);
    else viewer.turn(0.01 * (event.clientX - before.x), 0.01 * (event.clientY - before.y));
  });
  /** @param {PointerEvent} event */
  const release = (event) => touching.delete(event.pointerId);
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener(
    "wheel",
    (event) => {
      if (document.activeElement !== canvas && !event.ctrlKey) return;
      event.preventDefault();
      viewer.zoom(Math.exp(-0.0015 * event.deltaY));
    },
    { passive: false },
  );
  /** @type {Record<string, () => void>} */
  const keys = {
    ArrowLeft: () => viewer.turn(-0.1, 0),
    ArrowRight: () => viewer.turn(0.1, 0),
    ArrowUp: () => viewer.turn(0, -0.1),
    ArrowDown: () => viewer.turn(0, 0.1),
    "+": () => viewer.zoom(1.15),
    "=": () => viewer.zoom(1.15),
    "-": () => viewer.zoom(1 / 1.15),
    0: () => find(viewer.root, "[data-view=start]", HTMLButtonElement).click(),
    " ": () => viewer.play(!viewer.timer),
  };
  canvas.addEventListener("keydown", (event) => {
    if (!(event.key in keys) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    keys[event.key]();
  });
}

/**
 * A click or a drag on the curve goes to that frame.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Viewer} viewer
 */
function listenToCurve(canvas, viewer) {
  /** @param {PointerEvent} event */
  const follow = (event) => {
    const share = (event.offsetX - INSET) / (canvas.clientWidth - 2 * INSET);
    viewer.go(Math.round(share * (viewer.frames.length - 1)));
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    follow(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons) follow(event);
  });
}
